/**
 * The pipelines of the crash tests: `pipeline.ts SOURCE CHAIN SINK INPUTS OUT [DATA]`. Sources give little at
 * a time and rest in between, so that there are many checkpoints; ids that end in 3 are rejected. OUT may be
 * in a bucket, and so may DATA, which is INPUTS otherwise.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import {
  batchOf,
  column,
  concatFlows,
  type Context,
  fanOut,
  type Flow,
  flowOf,
  mergeFlows,
  operate,
  Rejects,
  source,
  stateless,
  take,
  tensorColumn,
  textColumn,
  withColumns,
} from 'millrace'
import { fromFiles } from 'millrace/connectors/from-files'
import { fromParquet } from 'millrace/connectors/from-parquet'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { toParquet } from 'millrace/connectors/to-parquet'
import { contentHash } from 'millrace/operators/content-hash'
import { decode } from 'millrace/operators/decode'
import { duplicateGroups } from 'millrace/operators/duplicate-groups'
import { duplicates } from 'millrace/operators/duplicates'
import { flatten } from 'millrace/operators/flatten'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { limit } from 'millrace/operators/limit'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { perceptualHash } from 'millrace/operators/perceptual-hash'
import { resize } from 'millrace/operators/resize'
import { map, type Observable } from 'rxjs'

type Rows = Observable<RecordBatch>

interface Folders {
  readonly inputs: string
  readonly out: string
  readonly data: string
}

/**
 * Rests after each batch, and before every `gate`-th until the next checkpoint is asked for: however slow
 * the machine is, a run has several.
 */
function slowly(restMs = 2, gate = 8) {
  return operate<RecordBatch, RecordBatch>({
    name: 'slowly',
    schema: (input) => input,
    start({ run, signal }) {
      let passed = run?.barrier
      let batches = 0
      return {
        async *next(batch) {
          const gated = ++batches % gate === 0 && run?.durable
          do await new Promise((resolve) => setTimeout(resolve, restMs))
          while (gated && (!run.barrier || run.barrier === passed) && !signal.aborted)
          yield batch
        },
        snapshot() {
          passed = run?.barrier
        },
      }
    },
  })
}

/** Rejects ids that end in 3. */
function refuse() {
  return operate<RecordBatch, RecordBatch>({
    name: 'refuse',
    schema: (input) => input,
    start: () => ({
      *next(batch) {
        const ids = Array.from({ length: batch.numRows }, (_, i) =>
          String(column(batch, 'id').get(i)),
        )
        const bad = ids.filter((id) => id.endsWith('3'))
        if (bad.length > 0) yield new Rejects(bad.map((id) => ({ ...reason, id })))
        const kept = ids.flatMap((id, i) => (id.endsWith('3') ? [] : [i]))
        if (kept.length > 0) yield take(batch, kept)
      },
    }),
  })
}

const reason = { operator: 'refuse', code: 'DATA', message: 'Expected no 3', attempt: 1 }

/** Computed rows; its position is the number of the next. */
function rows(count: number, bounded: boolean) {
  return source<RecordBatch, number>({
    name: 'rows',
    bounded,
    schema: () => row(0).schema,
    settings: { count },
    async *read({ signal }: Context, from = 0) {
      for (let i = from; i < count && !signal.aborted; i++)
        yield [await Promise.resolve(row(i)), i + 1]
    },
  })
}

function row(i: number): RecordBatch {
  const values = Float32Array.from({ length: 8 }, (_, at) => Math.fround(Math.sin(i * 8 + at) + at))
  return batchOf([textColumn('id', [`r${String(i)}`]), tensorColumn('embedding', [8], values)])
}

function pictures(folders: Folders): Rows {
  return embedded(fromFiles(`${folders.data}/pictures`, { batchRows: 1 }), folders)
}

/** Ends with the last of the files that there are: a watch does not end by itself. */
function watched(folders: Folders): Rows {
  const folder = `${folders.data}/pictures`
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = fromFiles(folder, { batchRows: 1, watch: { settleMs: 0 } })
  return embedded(files.pipe(limit(found.filter((each) => each.isFile()).length)), folders)
}

function embedded(source: Rows, { inputs }: Folders): Rows {
  const files = source.pipe(slowly(), contentHash())
  const small = files.pipe(decode({ onError: 'reject' }), resize({ width: 2, height: 2 }))
  const model = join(inputs, 'tiny.onnx')
  return small.pipe(perceptualHash(), infer({ model, onError: 'reject' }), flatten())
}

function vectors(name: 'a' | 'b', { data }: Folders): Rows {
  return fromParquet(`${data}/${name}.parquet`, { batchRows: 4 }).pipe(slowly(), refuse())
}

const sources: Readonly<Record<string, (folders: Folders) => Rows>> = {
  files: pictures,
  watched,
  parquet: (folders) => vectors('a', folders),
  rows: () => rows(100, true).pipe(slowly(1, 25), refuse()),
  unbounded: () => rows(100, false).pipe(slowly(1, 25), refuse()),
  concat: (folders) => concatFlows([vectors('a', folders), vectors('b', folders)].map(flow)),
  merge: (folders) => mergeFlows(...[vectors('a', folders), vectors('b', folders)].map(flow)),
}

function fattened(batch: RecordBatch): RecordBatch {
  const text = [...column(batch, 'id')].map((id) => String(id).padEnd(220_000, '.'))
  return withColumns(batch, [textColumn('text', text)])
}

const learning = { warmupRows: 12, windowRows: 6 }

/** `out` is where fitted models are saved. */
const chains: Readonly<Record<string, (rows: Rows, out: string) => Rows>> = {
  plain: (rows) => rows,
  fit(rows, out) {
    const reduced = rows.pipe(pca({ components: 4, save: join(out, 'pca') }))
    return reduced.pipe(gmm({ components: 2, save: join(out, 'gmm') }), neighbors())
  },
  online(rows, out) {
    const mode = { mode: 'online', ...learning } as const
    const reduced = rows.pipe(pca({ components: 4, ...mode, save: join(out, 'pca') }))
    const scored = reduced.pipe(gmm({ components: 2, ...mode, save: join(out, 'gmm') }))
    const index = { mode: 'online', index: 'hnsw', save: join(out, 'index') } as const
    return scored.pipe(neighbors({ ...index, windowRows: 6 }))
  },
  duplicates: (rows) => rows.pipe(duplicates()),
  /** So that there are several parts to upload. */
  fat: (rows) => rows.pipe(stateless(map(fattened))),
}

/** What is written of each chain: columns that any Parquet reader knows. */
const written: Readonly<Record<string, readonly string[]>> = {
  plain: ['id'],
  fat: ['id', 'text'],
  fit: ['id', 'familiarity', 'familiarity_percentile', 'near_id', 'near_distance'],
  online: ['id', 'familiarity', 'near_id', 'near_distance'],
  duplicates: ['id', 'exact_group', 'near_group', 'near_by'],
}

interface Sinking {
  readonly out: string
  readonly columns: readonly string[]
}

function parquet(path: string, columns?: readonly string[]) {
  const layout = { rowGroupRows: 10, compression: 'none' } as const
  return toParquet(path, { ...layout, ...(columns && { columns }) })
}

const sinks: Readonly<
  Record<string, (rows: Rows, at: Sinking) => Readonly<Record<string, Observable<unknown>>>>
> = {
  parquet: (rows, { out, columns }) => ({
    items: rows.pipe(parquet(`${out}/items.parquet`, columns)),
  }),
  jsonl: (rows, { out, columns }) => ({
    items: rows.pipe(toJsonl(`${out}/items.jsonl`, { columns })),
  }),
  // Parts of an unbounded run.
  parts: (rows, { out, columns }) => ({
    parts: rows.pipe(parquet(`${out}/parts`, columns)),
  }),
  both(rows, { out, columns }) {
    const [one, other] = fanOut(2)(rows)
    return twice(one, other, { out, columns }, 1)
  },
  // One branch is so much slower that what it has not read goes to disk.
  spilled(rows, { out, columns }) {
    const [one, other] = fanOut(2, { memoryBytes: 1, patienceMs: 1 })(rows)
    return twice(one, other, { out, columns }, 10)
  },
  groups: (rows, { out, columns }) => ({
    items: rows.pipe(parquet(`${out}/items.parquet`, columns)),
    groups: rows.pipe(duplicateGroups(), parquet(`${out}/groups.parquet`)),
  }),
}

function twice(one: Rows, other: Rows, { out, columns }: Sinking, restMs: number) {
  const lines = toJsonl(`${out}/lines.jsonl`, { columns: ['id'] })
  return {
    items: one.pipe(parquet(`${out}/items.parquet`, columns)),
    lines: other.pipe(slowly(restMs, Infinity), lines),
  }
}

function flow(rows: Rows): Flow<RecordBatch> {
  return flowOf(rows)
}

export default function pipeline([sourceName, chainName, sinkName, ...places]: string[]) {
  const [inputs, out, data = inputs] = places
  const source = sources[sourceName ?? '']
  const chain = chains[chainName ?? '']
  const sink = sinks[sinkName ?? '']
  const columns = written[chainName ?? '']
  if (!source || !chain || !sink || !columns || !inputs || !out || !data)
    throw new Error('Expected SOURCE CHAIN SINK INPUTS OUT')
  return sink(chain(source({ inputs, out, data }), out), { out, columns })
}
