import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { gmm } from '../../../operators/gmm.ts'
import { neighbors } from '../../../operators/neighbors.ts'
import { pca } from '../../../operators/pca.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { type Flow, flowOf } from '../../../src/flow/flow.ts'
import { operate } from '../../../src/flow/operate.ts'
import { source } from '../../../src/flow/source.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { run } from '../../../src/run/run.ts'
import type { Run } from '../../../src/run/run-state.ts'
import { operateTable } from '../../../src/table/column-store.ts'

afterAll(closeKernel)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resumed-models-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})
const at = (name: string): string => join(folder, name)

type Operator = OperatorFunction<RecordBatch, RecordBatch>

/** Where a run dies: in the source before a row, between two stages, or when so many batches were read out. */
type Death = { readonly row: number } | 'between stages' | 'reading out'

const numRows = 5_000
const width = 6

/** Two clouds of points. */
function rows(from: number, to: number): RecordBatch {
  const ids: string[] = []
  const values = new Float32Array((to - from) * width)
  for (let row = from; row < to; row++) {
    ids.push(`r${String(row)}`)
    for (let i = 0; i < width; i++)
      values[(row - from) * width + i] =
        Math.sin(row * (i + 1.7) * 12.9898) * (i + 1) + (row % 3 === 0 ? 4 : 0)
  }
  return batchOf([textColumn('id', ids), tensorColumn('embedding', [width], values)])
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

/** Waits until a checkpoint is in place that is newer than number `than`; returns its number. */
async function checkpointAfter(than: number): Promise<number> {
  for (;;) {
    const names = await readdir(at('checkpoint')).catch(() => [])
    const newest = Math.max(
      0,
      ...names.map((n) => Number(/^manifest-(\d+)\.json$/.exec(n)?.[1] ?? 0)),
    )
    if (newest > than) return newest
    await pause()
  }
}

/** Waits until a barrier is due that was not before. */
async function barrierDue(state: Run | undefined): Promise<void> {
  for (const { barrier } = state ?? {}; state?.barrier === barrier;) await pause()
}

const powerCut = 'the power is gone'

/** The rows; dies before one of them, when a checkpoint is there that has those before it. */
function embeddings(death: Death | undefined): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'embeddings',
    schema: () => rows(0, 0).schema,
    async *read(_context, from = 0) {
      for (let row = from; row < numRows; row += 250) {
        if (typeof death === 'object' && row >= death.row) {
          // One may have been on its way: the next was asked for after the rows before were given.
          await checkpointAfter(await checkpointAfter(0))
          throw new Error(powerCut)
        }
        yield [rows(row, Math.min(numRows, row + 250)), row + 250]
      }
    },
  })
}

/** Two stages: while the first runs a barrier becomes due, which passes behind it; then the second dies. */
function dyingBetween(dies: boolean): Operator {
  let before = 0
  const stage = (name: string, work: (state: Run | undefined) => Promise<void>): Operator =>
    operateTable({
      name,
      schema: (input) => input,
      async *run(table, context) {
        if (dies) await work(context.run)
        yield* table.read(['id'])
      },
    })
  const first = stage('first', async (state) => {
    await barrierDue(state)
    before = (state?.barrier?.checkpoint ?? 1) - 1
  })
  const second = stage('second', async () => {
    await checkpointAfter(before)
    throw new Error(powerCut)
  })
  return (flow) => flow.pipe(first, second)
}

/** Dies at the second batch that is read out, when the checkpoint between them is in place. */
function dyingAfter(dies: boolean): Operator {
  return operate<RecordBatch, RecordBatch>({
    name: 'after',
    schema: (input) => input,
    start({ run: state }) {
      let seen = 0
      let before = 0
      return {
        async *next(batch) {
          if (dies && seen++ === 0) {
            await barrierDue(state)
            before = (state?.barrier?.checkpoint ?? 1) - 1
          } else if (dies) {
            await checkpointAfter(before)
            throw new Error(powerCut)
          }
          yield batch
        },
      }
    },
  })
}

interface Case {
  readonly name: string
  readonly death: Death
  readonly operators: (save: (name: string) => string) => readonly Operator[]
}

const online = { mode: 'online', warmupRows: 600, windowRows: 128 } as const
const pcaOnline = (save: (name: string) => string): readonly Operator[] => [
  pca({ ...online, components: 3, save: save('pca') }),
]
const gmmOnline = (save: (name: string) => string): readonly Operator[] => [
  gmm({ ...online, column: 'embedding', components: 3, save: save('gmm') }),
]
const near = { mode: 'online', windowRows: 128 } as const
const neighborsOnline =
  (index: 'hnsw' | 'exact') =>
  (save: (name: string) => string): readonly Operator[] => [
    neighbors({ ...near, index, k: 2, save: save('neighbors') }),
  ]
const allOnline = (save: (name: string) => string): readonly Operator[] => [
  ...pcaOnline(save),
  ...gmmOnline(save),
  ...neighborsOnline('hnsw')(save),
]
const allFitted = (save: (name: string) => string): readonly Operator[] => [
  pca({ components: 3, save: save('pca') }),
  gmm({ column: 'pca', components: 2, save: save('gmm') }),
  neighbors({ column: 'pca', index: 'hnsw', save: save('neighbors') }),
]
const oneFitted = (save: (name: string) => string): readonly Operator[] => [
  neighbors({ index: 'exact', save: save('neighbors') }),
]

const cases: readonly Case[] = [
  { name: 'pca online, amid the warm-up', operators: pcaOnline, death: { row: 500 } },
  { name: 'pca online, after the warm-up', operators: pcaOnline, death: { row: 2_000 } },
  { name: 'gmm online, amid the warm-up', operators: gmmOnline, death: { row: 250 } },
  { name: 'gmm online, after the warm-up', operators: gmmOnline, death: { row: 3_000 } },
  { name: 'neighbors online, hnsw', operators: neighborsOnline('hnsw'), death: { row: 2_750 } },
  { name: 'neighbors online, exact', operators: neighborsOnline('exact'), death: { row: 1_000 } },
  { name: 'all online, before the first row', operators: allOnline, death: { row: 0 } },
  { name: 'all online', operators: allOnline, death: { row: 4_000 } },
  { name: 'all fitted, before the first row', operators: allFitted, death: { row: 0 } },
  { name: 'all fitted, while draining', operators: allFitted, death: { row: 3_500 } },
  { name: 'all fitted, between stages', operators: allFitted, death: 'between stages' },
  { name: 'all fitted, reading out', operators: allFitted, death: 'reading out' },
  { name: 'neighbors fitted, while draining', operators: oneFitted, death: { row: 4_750 } },
  { name: 'neighbors fitted, reading out', operators: oneFitted, death: 'reading out' },
]

/** Everything that a run leaves in a folder, by path: models and rows. */
async function left(name: string): Promise<Map<string, string>> {
  const files = await readdir(at(name), { recursive: true, withFileTypes: true })
  const paths = files.filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name))
  const texts = await Promise.all(paths.map((path) => readFile(path, 'latin1')))
  return new Map(paths.sort().map((path, i) => [path.slice(at(name).length), texts[i] ?? '']))
}

describe('models of a resumed run', () => {
  it.each(cases)('are those of one that was not cut short: $name', async (given) => {
    const { operators, death } = given
    const flow = (out: string, dying?: Death) => {
      const made = operators((name) => at(`${out}/${name}`))
      const between = death === 'between stages' ? [dyingBetween(dying === death)] : []
      const steps = [
        ...made.slice(0, 1),
        ...between,
        ...made.slice(1),
        dyingAfter(dying === 'reading out'),
      ]
      const all = steps.reduce((input, step) => flowOf(input.pipe(step)), embeddings(dying))
      return all.pipe(toJsonl(at(`${out}/rows.jsonl`)))
    }
    for (const out of ['whole', 'cut']) await mkdir(at(out))
    await run(flow('whole'))
    const checkpoint = { folder: at('checkpoint'), everyMs: 1 }
    await expect(run(flow('cut', death), { checkpoint })).rejects.toThrow(powerCut)
    expect((await left('cut')).has('/rows.jsonl')).toBe(false)
    const done = await run(flow('cut'), { checkpoint: { ...checkpoint, resume: true } })
    expect(done.checkpoint?.resumedFrom).toBeGreaterThan(0)
    const [expected, got] = [await left('whole'), await left('cut')]
    expect([...got.keys()]).toEqual([...expected.keys()])
    expect(expected.size).toBeGreaterThan(2)
    for (const [path, bytes] of expected) expect(got.get(path) === bytes, path).toBe(true)
  })
})
