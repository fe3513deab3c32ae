// Resident memory of whole commands within a budget, however many pictures they read: a pipeline from files to
// Parquet (pictures, embeddings, PCA, index) and the report, with pictures of two sizes in bytes.
// Run: npm run build && npx jiti bench/soak.ts [megabytes=400] [megabytes=4000] [memory=256MB]
// It fails if a command takes more than 700 MB at any time; if its level (exceeded for a twentieth of the time) is more
// than 5 % above the highest of three runs on the smaller size; or if the level of its second half is more than 5 % above
// that of its first (without the first tenth). What the operators state for each row is taken off.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  halvesOf,
  levelOf,
  type Pictures,
  rowStateBytes,
  type Soaked,
  soakChecks,
  soakCommand,
  type SoakedFiles,
  soakPictures,
  tenths,
} from '../test/helpers/soak.ts'

const [small = '400', large = '4000', memory = '256MB'] = process.argv.slice(2)
const bounds = { peak: 700e6, ratio: 1.05 }
const smallRuns = 3
const distinct = 48

const folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
try {
  const few = await soakPictures(join(folder, 'small'), Number(small) * 1e6, distinct)
  const many = await soakPictures(join(folder, 'large'), Number(large) * 1e6, distinct)
  for (const command of ['run', 'report'] as const) {
    const references: SoakedFiles[] = []
    for (let i = 0; i < smallRuns; i++) references.push(await measured(command, few))
    const run = await measured(command, many)
    for (const { what, bytes, most } of soakChecks(references, run, bounds)) {
      console.log(`  ${command}, ${what}: ${mb(bytes)}, at most ${mb(most)}`)
      if (bytes > most)
        fail(`Expected a ${what} of ${command} of at most ${mb(most)}, got ${mb(bytes)}`)
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measured(command: 'run' | 'report', pictures: Pictures): Promise<SoakedFiles> {
  const soaked = await soakCommand(command, pictures.folder, { folder, memory })
  show(command, pictures, soaked)
  if (soaked.code !== 0) fail(`exit ${String(soaked.code)}: ${soaked.stderr}`)
  return { ...soaked, files: pictures.files }
}

function show(command: string, { files, bytes }: Pictures, { peak, seconds, curve }: Soaked): void {
  const steps = tenths(curve).map((most) => Math.round(most / 1e6))
  const { first, second } = halvesOf(curve)
  console.log(
    `${command} --memory ${memory}, ${String(files)} pictures, ${mb(bytes)}, in ${seconds.toFixed(0)} s: peak ${mb(peak)}, level ${mb(levelOf(curve))}, of the halves ${mb(first)} and ${mb(second)}, stated for the rows ${mb(files * rowStateBytes)}; by tenths ${steps.join(' ')}`,
  )
}

function fail(why: string): void {
  process.exitCode = 1
  console.error(`FAILED: ${why}`)
}

function mb(bytes: number): string {
  return `${String(Math.round(bytes / 1e6))} MB`
}
