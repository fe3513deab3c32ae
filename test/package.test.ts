import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { noise, plain } from './helpers/pictures.ts'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))
const app = join(folder, 'app')
const installed = join(app, 'node_modules/millrace')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program in the folder of the app, or in `cwd`. */
function call(file: string, args: readonly string[], cwd = app): Promise<Ended> {
  const skip = { ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_onnxruntime_node_install: 'skip' }
  // What npm tells the scripts that it runs, `npm test` too, would reach the npm that is called here.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|life)/.test(name),
  )
  const env = { ...Object.fromEntries(inherited), ...skip, DEBUG: '', npm_config_loglevel: 'error' }
  return new Promise((resolved) => {
    execFile(file, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolved({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}

const millrace = (...args: string[]): Promise<Ended> => call('npx', ['millrace', ...args])

beforeAll(async () => {
  mkdirSync(join(app, 'pictures'), { recursive: true })
  const packed = await call('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root)
  expect(packed).toMatchObject({ code: 0 })
  const tarball = join(folder, `millrace-${version}.tgz`)
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  expect(await call('npm', ['install', tarball, ...flags])).toMatchObject({ code: 0 })
  await plain(20, 10).png().toFile(join(app, 'pictures/a.png'))
  await noise(30, 40).jpeg().toFile(join(app, 'pictures/b.jpg'))
}, 280_000)

describe('the package', () => {
  it('holds what runs, the licence and the notices of what it brings, and no tests', () => {
    const held = readdirSync(installed).sort()
    expect(held).toEqual([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'assets', 'dist', 'package.json'],
    ])
    expect(readdirSync(join(installed, 'assets')).sort()).toEqual([
      ...['NOTICE', 'README.md', 'mobilenet-v2-140.onnx'],
    ])
    expect(readdirSync(join(installed, 'dist')).sort()).toEqual([
      ...['catalog.json', 'connectors', 'operators', 'src'],
    ])
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    expect(files.filter((name) => /test|fixture|\.tsbuildinfo$/.test(name))).toEqual([])
  })

  it('installs a command', async () => {
    expect(await millrace('--version')).toMatchObject({ code: 0, stdout: `${version}\n` })
    const { code, stdout } = await millrace('list')
    expect([code, stdout]).toEqual([0, expect.stringContaining('\n  perceptualHash ')])
  })

  it('runs a pipeline file that imports it', async () => {
    writeFileSync(
      join(app, 'pipeline.ts'),
      `import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { infer } from 'millrace/operators/infer'
import { resize } from 'millrace/operators/resize'
import { Flow } from 'millrace'

const embedded = fromFiles('pictures').pipe(decode(), resize({ width: 224, height: 224 }), infer())
if (!(embedded instanceof Flow)) throw new Error('another Flow')
export default embedded.pipe(toJsonl('rows.jsonl', { columns: ['id', 'width', 'embedding'] }))
`,
    )
    expect(await millrace('run', 'pipeline.ts')).toMatchObject({ code: 0 })
    const lines = readFileSync(join(app, 'rows.jsonl'), 'utf8').trim().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as { id: string; embedding: number[] })
    expect(rows).toMatchObject([
      { id: 'a.png', width: 20 },
      { id: 'b.jpg', width: 30 },
    ])
    expect(rows.map(({ embedding }) => embedding.length)).toEqual([1792, 1792])
  })

  it('can be imported by a program', async () => {
    const program = `import { Flow, run } from 'millrace'
import { decode } from 'millrace/operators/decode'
console.log(typeof Flow, typeof run, typeof decode)`
    writeFileSync(join(app, 'program.mjs'), program)
    expect(await call(process.execPath, ['program.mjs'])).toMatchObject({
      code: 0,
      stdout: 'function function function\n',
    })
  })

  it('has types, which refuse what does not fit', async () => {
    writeFileSync(
      join(app, 'consumer.ts'),
      `import type { RecordBatch } from 'apache-arrow'
import { Flow, operate, run, type Context, type RunSummary, type WriteSummary } from 'millrace'
import { fromFiles, type FromFilesOptions } from 'millrace/connectors/from-files'
import { toParquet } from 'millrace/connectors/to-parquet'
import { resize, type ResizeOptions } from 'millrace/operators/resize'
import { map, type Observable } from 'rxjs'

const options: FromFilesOptions = { labels: '{label}/{name}' }
const size: ResizeOptions = { width: 2, height: 2 }
const rows: Flow<RecordBatch> = fromFiles('pictures', options)
export const counts: Observable<number> = rows.pipe(map((batch) => batch.numRows))
export const written: Observable<WriteSummary> = rows.pipe(resize(size), toParquet('rows.parquet'))
export const ran: Promise<RunSummary> = run({ rows })
export const signal = (context: Context): AbortSignal => context.signal
export const same = operate<RecordBatch, RecordBatch>({
  name: 'same',
  start: () => ({ *next(batch) { yield batch } }),
})
// @ts-expect-error an unknown option
resize({ widht: 2, height: 2 })
// @ts-expect-error a flow is no text
export const text: string = rows
`,
    )
    const flags = ['--module', 'nodenext', '--target', 'es2023', '--strict', '--skipLibCheck']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const args = [tsc, '--noEmit', '--ignoreConfig', ...flags, ...types, 'consumer.ts']
    expect(await call(process.execPath, args)).toEqual({ code: 0, stdout: '', stderr: '' })
  }, 60_000)

  it('says how to install a package that is missing', async () => {
    const missing = join(app, 'node_modules/onnxruntime-node')
    renameSync(missing, join(folder, 'onnxruntime-node'))
    expect(existsSync(missing)).toBe(false)
    expect(await millrace('report', 'pictures', '--out', 'report')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: Expected package `onnxruntime-node`, which is not installed\nInstall it with: npm install onnxruntime-node\n',
    })
    expect(await millrace('--version')).toMatchObject({ code: 0 })
  })
})
