// How many windows drift where none does, by correction, and where something does; and what a window costs.
// Run: npm run build && npx jiti bench/drift.ts
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { driftReference } from '../operators/drift-reference.ts'
import { driftSummary } from '../operators/drift-summary.ts'
import { batchOf, float64Column, textColumn } from '../src/batch/batch.ts'
import { tensorColumn } from '../src/batch/tensor.ts'
import { closeKernel } from '../src/kernels/kernel.ts'
import { Random } from '../src/kernels/random.ts'
import { flowOfBatches } from '../test/helpers/points.ts'

const windowRows = 256
const windows = 200
const columns = 8

/** What differs from the reference. */
interface Shift {
  /** Of one column, in standard deviations. */
  readonly number?: number
  /** How much more often the first label is there. */
  readonly label?: number
  /** Of each value of the embedding, in standard deviations. */
  readonly embedding?: number
}

function draw(rows: number, seed: number, values: number, shift: Shift = {}): RecordBatch {
  const random = new Random(seed)
  const each = Array.from({ length: rows }, (_, row) => row)
  const labels = each.map(() =>
    random.uniform() < 0.4 + (shift.label ?? 0) ? 'a' : random.uniform() < 0.5 ? 'b' : 'c',
  )
  const numbers = Array.from({ length: columns }, (_, i) =>
    float64Column(
      `n${String(i)}`,
      Float64Array.from(each, () => random.normal() + (i === 0 ? (shift.number ?? 0) : 0)),
    ),
  )
  const embedding = Float32Array.from(
    { length: rows * values },
    () => random.normal() + (shift.embedding ?? 0),
  )
  return batchOf([
    textColumn('id', each.map(String)),
    textColumn('label', labels),
    ...numbers,
    tensorColumn('embedding', [values], embedding),
  ])
}

const folder = await mkdtemp(join(tmpdir(), 'bench-drift-'))

async function referenceOf(values: number, rows: number): Promise<string> {
  const save = join(folder, String(values))
  const flow = flowOfBatches([draw(rows, 1, values)])
  await lastValueFrom(flow.pipe(driftReference({ save, metric: 'euclidean' }), toArray()))
  return save
}

type Summary = Parameters<typeof driftSummary>[0]

async function tested(rows: RecordBatch, options: Summary): Promise<Record<string, unknown>[]> {
  const batches = await lastValueFrom(
    flowOfBatches([rows]).pipe(driftSummary({ windowRows, ...options }), toArray()),
  )
  return batches.flatMap((batch) => batch.toArray().map((row) => row.toJSON()))
}

function share(rows: readonly Record<string, unknown>[]): string {
  const found = new Set(rows.filter((row) => row['drifted'] === true).map((row) => row['window']))
  return `${((100 * found.size) / windows).toFixed(1)} %`
}

const model = await referenceOf(16, 5_000)
const options = { model, permutations: 199 }
const alike = draw(windows * windowRows, 2, 16)
for (const correction of ['none', 'fdr', 'bonferroni'] as const)
  console.log(`alike, ${correction}: ${share(await tested(alike, { ...options, correction }))}`)
for (const shift of [{ number: 0.2 }, { number: 0.4 }, { label: 0.15 }, { embedding: 0.1 }])
  console.log(
    `${JSON.stringify(shift)}, fdr: ${share(await tested(draw(windows * windowRows, 3, 16, shift), options))}`,
  )
const wide = await referenceOf(1_792, 2_000)
const started = process.cpuUsage()
await tested(draw(4 * windowRows, 4, 1_792), { model: wide })
const { user, system } = process.cpuUsage(started)
console.log(
  `a window of ${String(windowRows)} rows, 1,792 values, 999 permutations: ${((user + system) / 4e6).toFixed(2)} s of processor time`,
)
await closeKernel()
await rm(folder, { recursive: true })
