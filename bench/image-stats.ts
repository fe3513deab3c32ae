/**
 * Statistics of JPEGs of 500 × 375 beside decoding alone, with the hashes, and beside NumPy and SciPy (the same
 * definitions, see image-stats.py, one process). They take turns; medians are printed, of the time that passed and of
 * the time that the cores worked, which other load on the machine changes less.
 *
 * Run: `npm run build && npx jiti bench/image-stats.ts [pictures=2000] [rounds=5] [python=/usr/bin/python3]`
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import sharp from 'sharp'
import { decode } from '../operators/decode.ts'
import { contentHash } from '../operators/content-hash.ts'
import { imageStats } from '../operators/image-stats.ts'
import { perceptualHash } from '../operators/perceptual-hash.ts'
import { batchOf, binaryColumn, textColumn } from '../src/batch/batch.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { noise } from '../test/helpers/pictures.ts'

const [pictures = 2000, rounds = 5] = process.argv.slice(2, 4).map(Number)
const python = process.argv[4] ?? '/usr/bin/python3'
const [width, height, different] = [500, 375, 40]
const weights = [0.6, 0.45, 0.25, 0.12]

/** Noise of which the coarse is strong and the fine is weak, as in photographs. */
async function photograph(seed: number): Promise<Buffer> {
  const sum = new Float64Array(3 * width * height)
  for (const [at, side] of [4, 16, 64, 256].entries()) {
    const octave = noise(side, Math.ceil((side * height) / width), 10 * seed + at)
    const values = await octave.resize(width, height, { fit: 'fill' }).raw().toBuffer()
    for (let i = 0; i < sum.length; i++)
      sum[i] = (sum[i] as number) + ((values[i] as number) - 128) * (weights[at] ?? 0)
  }
  const data = Uint8ClampedArray.from(sum, (value) => value + 120)
  return sharp(new Uint8Array(data.buffer), { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 88 })
    .toBuffer()
}

const images: Buffer[] = []
for (let seed = 0; seed < different; seed++) images.push(await photograph(seed))

function* batches(): Generator<RecordBatch> {
  for (let from = 0; from < pictures; from += 64) {
    const rows = Array.from({ length: Math.min(64, pictures - from) }, (_, i) => from + i)
    const part = rows.map((row) => images[row % different] ?? null)
    yield batchOf([textColumn('id', rows.map(String)), binaryColumn('image', part)])
  }
}

type Step = OperatorFunction<RecordBatch, RecordBatch>

/** XXH3 of file and pixels, pHash and dHash in all eight forms. */
const hashes = [
  contentHash({ method: 'xxh3', into: 'file_hash' }),
  contentHash({ method: 'xxh3', column: 'pixels', into: 'pixel_hash' }),
  perceptualHash({ method: ['phash', 'dhash'], symmetries: 'all' }),
]
const contenders: Readonly<Record<string, readonly Step[]>> = {
  'decode alone': [],
  'with the mean alone': [imageStats({ statistics: ['mean'] })],
  'with statistics': [imageStats({ stored: 'image' })],
  'with statistics and hashes': [imageStats({ stored: 'image' }), ...hashes],
}

interface Seconds {
  readonly passed: number
  readonly worked: number
}

async function seconds(steps: readonly Step[]): Promise<Seconds> {
  const rows = flowOf(
    steps.reduce<Flow<RecordBatch>>(
      (flow, step) => flowOf(flow.pipe(step)),
      flowOf(flowOf(batches()).pipe(decode())),
    ),
  )
  const cpu = process.cpuUsage()
  const start = performance.now()
  let count = 0
  for await (const value of rows.pull({ signal: new AbortController().signal, columns: new Set() }))
    if (value instanceof RecordBatch) count += value.numRows
  if (count !== pictures) throw new Error(`Expected ${String(pictures)} rows, got ${String(count)}`)
  const { user, system } = process.cpuUsage(cpu)
  return { passed: (performance.now() - start) / 1000, worked: (user + system) / 1e6 }
}

/** Seconds per picture of NumPy and SciPy, over each picture once. */
async function byPython(): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-image-stats-'))
  try {
    for (const [at, image] of images.entries())
      await writeFile(join(folder, `${String(at)}.jpg`), image)
    const script = join(import.meta.dirname, 'image-stats.py')
    const { status, stdout, stderr } = spawnSync(python, [script, folder], { encoding: 'utf8' })
    if (status === 0) return Number(stdout)
    console.log(
      `SKIPPED: NumPy and SciPy, ${python} fails: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    )
    return undefined
  } finally {
    await rm(folder, { recursive: true })
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}

const kilobytes = images.reduce((sum, image) => sum + image.length, 0) / different / 1000
console.log(
  `${String(pictures)} JPEGs of ${String(width)} × ${String(height)}, ${kilobytes.toFixed(0)} kB each, ${String(availableParallelism())} cores, ${String(rounds)} rounds`,
)
const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, [] as Seconds[]]))
for (let round = 0; round < rounds; round++)
  for (const [name, steps] of Object.entries(contenders)) found[name]?.push(await seconds(steps))
const alone = found['decode alone'] ?? []
for (const [name, times] of Object.entries(found)) {
  const passed = median(times.map((each) => each.passed))
  const ratios = (['passed', 'worked'] as const).map((kind) =>
    median(times.map((each, round) => each[kind] / (alone[round]?.[kind] ?? NaN))).toFixed(2),
  )
  console.log(
    `${name.padEnd(27)} ${(pictures / passed).toFixed(0).padStart(5)} pictures/s · × decode alone: ${String(ratios[0])} passed, ${String(ratios[1])} worked`,
  )
}
const reference = await byPython()
if (reference !== undefined) {
  const ours = median((found['with statistics'] ?? []).map((each) => each.passed)) / pictures
  console.log(
    `NumPy and SciPy             ${(1 / reference).toFixed(1).padStart(5)} pictures/s · ${(reference / ours).toFixed(1)} times slower than ours`,
  )
}
