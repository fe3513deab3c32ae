import { createRequire } from 'node:module'
import { statfs } from 'node:fs/promises'
import { availableParallelism, freemem, tmpdir, totalmem } from 'node:os'
import type { Command } from 'commander'
import { jsonOption } from './options.ts'
import { byteSize, print, printJson, table } from './output.ts'
import { tryBackend } from '../inference/picture-model.ts'
import { reasonOf } from '../inference/reason-of.ts'
import { backendNames, backends } from '../inference/tfjs-backend.ts'
import { packageVersion } from '../package.ts'

/** One thing that was looked at. */
export interface Finding {
  /** What. */
  readonly name: string
  /** Whether it works. A missing optional part is no failure. */
  readonly status: 'ok' | 'missing' | 'failed'
  /** Whether nothing runs without it. */
  readonly required: boolean
  /** Its version, or why it does not work and what to do. */
  readonly detail: string
}

/** A package that is looked for. */
export interface Wanted {
  /** Its name. */
  readonly name: string
  /** What it is for. */
  readonly use: string
  /** Whether nothing runs without it; the optional ones are peers. */
  readonly required: boolean
  /**
   * What to install for it.
   *
   * @default the package
   */
  readonly install?: string
  /**
   * Loads it.
   *
   * @default imports it
   */
  readonly load?: () => Promise<unknown>
}

const packages: readonly Wanted[] = [
  { name: 'apache-arrow', use: 'batches', required: true },
  { name: 'rxjs', use: 'flows', required: true },
  { name: 'onnxruntime-node', use: 'models and linear algebra', required: true },
  { name: 'sharp', use: 'pictures', required: true },
  { name: 'parquet-wasm', use: 'Parquet', required: true },
  { name: 'usearch', use: 'incremental neighbour index', required: true },
  ...backendNames.map((backend, at) => ({
    ...backends[backend],
    use: `TensorFlow.js models, backend '${backend}', choice ${String(at + 1)} of ${String(backendNames.length)}`,
    required: false,
    // Each takes over the one engine of its thread.
    load: () => tryBackend(backend),
  })),
]

/** Sets up `millrace doctor`. */
export function configure(command: Command): void {
  command.addOption(jsonOption()).action(doctor)
}

async function doctor(options: { readonly json?: true }): Promise<void> {
  const findings = [nodeFinding(), memoryFinding(), await diskFinding()]
  for (const wanted of packages) findings.push(await packageFinding(wanted))
  if (options.json) printJson({ version: packageVersion(), findings })
  else print(`millrace ${packageVersion()}\n${table(findings.map(findingCells))}`)
  if (findings.some(({ status, required }) => required && status !== 'ok')) process.exitCode = 1
}

/** Loads a package and says its version, or why it does not load. */
export async function packageFinding(wanted: Wanted): Promise<Finding> {
  const { name, use, required, install = name, load = () => import(name) } = wanted
  const finding = { name, required }
  if (!installed(name))
    return { ...finding, status: 'missing', detail: `${use}; install with: npm install ${install}` }
  try {
    await load()
    return { ...finding, status: 'ok', detail: `${versionOf(name)} (${use})` }
  } catch (error) {
    return { ...finding, status: 'failed', detail: `${use}; does not load: ${reasonOf(error)}` }
  }
}

function installed(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** The version in the nearest `package.json` above the package's entry that names it. */
function versionOf(name: string): string {
  const require = createRequire(import.meta.url)
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${folder}/${name}/package.json`) as { version: string }).version
    } catch {
      // Not in this folder.
    }
  }
  return 'version unknown'
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const works = major > 20 || (major === 20 && minor >= 19)
  const detail = `${process.version} on ${process.platform}-${process.arch}, ${String(availableParallelism())} threads`
  return {
    ...{ name: 'node', required: true, status: works ? 'ok' : 'failed' },
    detail: works ? detail : `${detail}; needs 20.19 or later`,
  }
}

/** A container's limit counts where there is one. */
function memoryFinding(): Finding {
  const limit = process.constrainedMemory()
  const total = limit > 0 && limit < totalmem() ? limit : totalmem()
  const detail = `${byteSize(total)}, ${byteSize(freemem())} free`
  return { name: 'memory', required: false, status: 'ok', detail }
}

async function diskFinding(): Promise<Finding> {
  const folder = tmpdir()
  const { bavail, bsize } = await statfs(folder)
  const detail = `${byteSize(bavail * bsize)} free for spills in ${folder}`
  return { name: 'disk', required: false, status: 'ok', detail }
}

function findingCells({ name, status, detail }: Finding): string[] {
  return [name, status, detail]
}
