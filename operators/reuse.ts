import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { column, concat, select, take, withColumns } from '../src/batch/batch.ts'
import type { Context } from '../src/flow/context.ts'
import { Control } from '../src/flow/control.ts'
import { Deferred } from '../src/flow/deferred.ts'
import { Flow, type FlowInfo, flowOf } from '../src/flow/flow.ts'
import { columnList, nonEmptyString } from '../src/options.ts'
import { StoredRows } from '../src/parquet/stored-rows.ts'
import { isHeavy, requireField, schemaWithoutHeavy } from '../src/batch/schema.ts'

export interface ReuseOptions {
  /** Parquet file of an earlier run; where there is none yet, every row is new. */
  readonly from: string
  /** Text column, in the rows and in the file, that says which rows are the same. */
  readonly key: string
  /** Values that a row of the file must have to count, by text column (the model that made it, say). */
  readonly where: Readonly<Record<string, string>>
  /** Columns that are taken from the file for the rows found there. */
  readonly columns: readonly string[]
  /** Makes these columns for the other rows: in order, each with its `id`; rows that fail there are missing. */
  readonly otherwise: MonoTypeOperatorFunction<RecordBatch>
}

/** A batch of the source on its way: the rows found wait here, the others are being made. */
interface Pending {
  readonly batch: RecordBatch
  /** Row of the file, for each row of the batch; -1 where it is not there. */
  readonly stored: readonly number[]
  /** Ids of the rows being made. */
  readonly awaited: ReadonlySet<string>
  readonly made: RecordBatch[]
  done: boolean
}

/** Batches found whole that may wait for the reader. */
const batchesAhead = 4

/**
 * Takes columns from an earlier run's file for the rows that it has, and makes them for the rest.
 *
 * - Rows: as `otherwise` keeps them, in input order; one batch out for each in that has rows left.
 * - Columns: those of `otherwise`'s result that are not heavy (encoded pictures, pixels).
 * - State: the keys of the file and their rows (about 100 bytes each), one row group of it, and the
 *   batches that `otherwise` has in work.
 *
 * @throws {DataError} on the stream, if the file is damaged
 * @throws {SchemaError} on the stream, if it lacks a column
 * @example
 * pictures.pipe(reuse({ from: 'out/embeddings.parquet', key: 'content_hash', where: { model_hash },
 *   columns: ['embedding'], otherwise: (rows) => rows.pipe(decode(), infer()) }))
 */
export function reuse(options: ReuseOptions): MonoTypeOperatorFunction<RecordBatch> {
  const from = nonEmptyString('from', options.from)
  const key = nonEmptyString('key', options.key)
  const columns = columnList('columns', options.columns)
  const { otherwise, where } = options

  return (source) => {
    const input = flowOf(source)
    const whole = flowOf(otherwise(input))
    return new Flow(
      async function* (context) {
        const carried = new Set(columns.filter((name) => context.columns?.has(name) ?? true))
        const inner = { ...context, columns: carried }
        const schema = lightSchema(await whole.schema(), carried)
        const stored = await StoredRows.open(from, { key, where, columns, signal: context.signal })
        if (!stored) {
          yield* whole.pull(inner)
          return
        }
        try {
          yield* merged(new Sorting(input, stored, key), { otherwise, schema, context: inner })
        } finally {
          await stored.close()
        }
      },
      {
        name: 'reuse',
        role: 'operator',
        inputs: [whole],
        schema: ([made]) => {
          requireField(made as Schema, key, { owner: 'reuse', kind: 'text' })
          return schemaWithoutHeavy(made as Schema, new Set(columns))
        },
        settings: { from, key, columns },
      },
    )
  }
}

/** Parts the source's rows: those found wait, the others go where they are made. */
class Sorting {
  readonly pending: Pending[] = []
  /** Rings when there may be something to emit. */
  bell = new Deferred()
  readonly stored: StoredRows
  /** The flow of the missing rows has the schema of all. */
  readonly info: FlowInfo
  readonly #input: Flow<RecordBatch>
  readonly #key: string
  #room = new Deferred()

  constructor(input: Flow<RecordBatch>, stored: StoredRows, key: string) {
    this.#input = input
    this.stored = stored
    this.#key = key
    this.info = {
      name: 'missing',
      role: 'operator',
      inputs: [input],
      schema: ([schema]) => schema as Schema,
    }
  }

  /** The rows that were not found. Waits while enough batches found whole are waiting. */
  async *missing(context: Context): AsyncGenerator<RecordBatch | Control> {
    for await (const item of this.#input.pull(context)) {
      if (item instanceof Control) {
        yield item
        continue
      }
      const keys = column(item, this.#key)
      const stored = Array.from({ length: item.numRows }, (_, row) =>
        this.stored.row(String(keys.get(row))),
      )
      const missing = stored.flatMap((at, row) => (at < 0 ? [row] : []))
      const ids = column(item, 'id')
      const awaited = new Set(missing.map((row) => String(ids.get(row))))
      const light = item.schema.fields.filter((f) => !isHeavy(f)).map((f) => f.name)
      const batch = select(item, light)
      this.pending.push({ batch, stored, awaited, made: [], done: awaited.size === 0 })
      this.bell.resolve()
      if (missing.length > 0) yield missing.length === item.numRows ? item : take(item, missing)
      while (this.pending.length > batchesAhead && this.pending[0]?.done) {
        this.#room = new Deferred()
        await this.#room.promise
      }
    }
  }

  /** Notes rows that were made. They come in order, so every batch before theirs has all it will get. */
  arrived(batch: RecordBatch): void {
    const ids = column(batch, 'id')
    const rowsOf = new Map<Pending, number[]>()
    let at = 0
    for (let row = 0; row < batch.numRows; row++) {
      const id = String(ids.get(row))
      while (at < this.pending.length && !this.pending[at]?.awaited.has(id)) at++
      const pending = this.pending[at]
      if (!pending) throw new Error(`Expected a row that was handed in, got \`${id}\``)
      rowsOf.set(pending, [...(rowsOf.get(pending) ?? []), row])
    }
    for (const [pending, rows] of rowsOf) pending.made.push(take(batch, rows))
    for (const pending of this.pending.slice(0, at)) pending.done = true
    const last = this.pending[at]
    if (last) last.done = count(last.made) === last.awaited.size
  }

  /** The first batch, if it is complete. */
  next(): Pending | undefined {
    if (!this.pending[0]?.done) return undefined
    this.#room.resolve()
    return this.pending.shift()
  }
}

async function* merged(
  sorting: Sorting,
  about: {
    otherwise: MonoTypeOperatorFunction<RecordBatch>
    schema: Schema | undefined
    context: Context
  },
): AsyncGenerator<RecordBatch | Control> {
  const { otherwise, context } = about
  const rest = new Flow((inner) => sorting.missing(inner), sorting.info)
  const results = flowOf(otherwise(rest)).pull(context)[Symbol.asyncIterator]()
  let pulled: Promise<'pulled'> | undefined
  let result: IteratorResult<RecordBatch | Control> | undefined
  try {
    for (;;) {
      for (let next; (next = sorting.next());) yield* whole(next, sorting.stored, about.schema)
      pulled ??= results.next().then((r) => {
        result = r
        return 'pulled' as const
      })
      sorting.bell = new Deferred()
      await Promise.race([pulled, sorting.bell.promise])
      if (!result) continue
      if (result.done) break
      if (result.value instanceof Control) yield result.value
      else sorting.arrived(result.value)
      pulled = undefined
      result = undefined
    }
    for (const left of sorting.pending) yield* whole(left, sorting.stored, about.schema)
  } finally {
    results.return?.(undefined).catch(() => undefined)
  }
}

/** Puts the rows found and the rows made together, in the order of the source. */
async function* whole(
  { batch, stored, made }: Pending,
  file: StoredRows,
  schema: Schema | undefined,
): AsyncGenerator<RecordBatch> {
  const found = stored.flatMap((at, row) => (at < 0 ? [] : [row]))
  const names = schema?.fields.map((f) => f.name)
  const parts = names ? made.map((m) => select(m, names)) : [...made]
  if (found.length > 0) {
    const values = await file.read(found.map((row) => stored[row] ?? 0))
    const filled = withColumns(take(batch, found), values)
    parts.push(names ? select(filled, names) : filled)
  }
  if (parts.length === 0) return
  const joined = concat(parts)
  yield take(joined, rowOrder(batch, joined))
}

/** Rows of `joined` in the order of `batch`; ids that are in `batch` alone were rejected. */
function rowOrder(batch: RecordBatch, joined: RecordBatch): number[] {
  const rows = new Map<string, number>()
  const ids = column(joined, 'id')
  for (let row = 0; row < joined.numRows; row++) rows.set(String(ids.get(row)), row)
  const order: number[] = []
  const wanted = column(batch, 'id')
  for (let row = 0; row < batch.numRows; row++) {
    const at = rows.get(String(wanted.get(row)))
    if (at !== undefined) order.push(at)
  }
  return order
}

function count(batches: readonly RecordBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.numRows, 0)
}

function lightSchema(schema: Schema | undefined, carried: ReadonlySet<string>): Schema | undefined {
  return schema && schemaWithoutHeavy(schema, carried)
}
