// Resident memory of whole commands within a budget, however many pictures they read: a pipeline from files to
// Parquet (pictures, embeddings, PCA, index) and the report, with pictures of two sizes in bytes.
// Run: npm run build && npx jiti bench/soak.ts [megabytes=400] [megabytes=4000] [memory=256MB]
// It fails if a command takes more than 700 MB at any time, or if its level (exceeded for a twentieth of the time) is
// higher with the larger size than with the smaller, apart from what the operators state for each row.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  levelOf,
  rowStateBytes,
  type Soaked,
  soakCommand,
  soakPictures,
  soakTolerance,
  tenths,
} from '../test/helpers/soak.ts'

const [small = '400', large = '4000', memory = '256MB'] = process.argv.slice(2)
const limit = 700e6
const distinct = 48

const folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
try {
  const sets = []
  for (const megabytes of [small, large])
    sets.push(await soakPictures(join(folder, megabytes), Number(megabytes) * 1e6, distinct))
  for (const command of ['run', 'report'] as const) {
    const levels: number[] = []
    for (const { folder: pictures, files, bytes } of sets) {
      const soaked = await soakCommand(command, pictures, { folder, memory })
      show(`${command} --memory ${memory}, ${String(files)} pictures, ${mb(bytes)}`, soaked)
      const stated = files * rowStateBytes
      console.log(
        `  of it ${mb(stated)} stated: ${String(rowStateBytes)} bytes a row (index, groups, ids)`,
      )
      levels.push(levelOf(soaked.curve) - stated)
      if (soaked.code !== 0) fail(`exit ${String(soaked.code)}: ${soaked.stderr}`)
      if (soaked.peak > limit) fail(`Expected at most ${mb(limit)}, got ${mb(soaked.peak)}`)
    }
    const [first = 0, second = 0] = levels
    if (second > first * soakTolerance)
      fail(`Expected ${mb(first)} with more pictures too, got ${mb(second)}`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

function show(what: string, { peak, seconds, curve }: Soaked): void {
  const steps = tenths(curve).map((bytes) => Math.round(bytes / 1e6))
  console.log(
    `${what}: peak ${mb(peak)}, level ${mb(levelOf(curve))} in ${seconds.toFixed(0)} s; by tenths ${steps.join(' ')}`,
  )
}

function fail(why: string): void {
  process.exitCode = 1
  console.error(`FAILED: ${why}`)
}

function mb(bytes: number): string {
  return `${String(Math.round(bytes / 1e6))} MB`
}
