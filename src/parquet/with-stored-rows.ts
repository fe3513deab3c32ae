import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { column, concat, select, take, withColumns } from '../batch/batch.ts'
import { isHeavy } from '../batch/schema.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, Control } from '../flow/control.ts'
import { Deferred } from '../flow/deferred.ts'
import { Flow, type FlowInfo, flowOf } from '../flow/flow.ts'
import type { StoredRows } from './stored-rows.ts'

/** What it takes to put stored rows and new ones together. */
export interface StoredRowsPlan {
  /** Text column that says which rows are the same. */
  readonly key: string
  /** Makes the columns for rows that are not stored. */
  readonly otherwise: MonoTypeOperatorFunction<RecordBatch>
  /** Columns that come out; all of them if it is not known. */
  readonly schema: Schema | undefined
  /** The reader's. */
  readonly context: Context
}

/**
 * The rows of `input` with columns taken from `stored` where it has the row, and made for the rest, in
 * the order of the input. Rejects come out as they are made; a barrier behind all rows before it.
 */
export async function* withStoredRows(
  input: Flow<RecordBatch>,
  stored: StoredRows,
  plan: StoredRowsPlan,
): AsyncGenerator<RecordBatch | Control> {
  const { otherwise, schema, context } = plan
  const sorting = new Sorting(input, stored, plan.key)
  const rest = new Flow((inner) => sorting.missing(inner), sorting.info)
  const results = flowOf(otherwise(rest)).pull(context)[Symbol.asyncIterator]()
  let pulled: Promise<'pulled'> | undefined
  let result: IteratorResult<RecordBatch | Control> | undefined
  try {
    for (;;) {
      for (let next; (next = sorting.next());) yield* whole(next, stored, schema)
      pulled ??= results.next().then((r) => {
        result = r
        return 'pulled' as const
      })
      sorting.bell = new Deferred()
      await Promise.race([pulled, sorting.bell.promise])
      if (!result) continue
      if (result.done) break
      const { value } = result
      if (value instanceof Control && !(value instanceof Barrier)) yield value
      else sorting.arrived(value)
      pulled = undefined
      result = undefined
    }
    if (context.signal.aborted) return
    for (const left of sorting.pending) yield* whole(left, stored, schema)
  } finally {
    results.return?.(undefined).catch(() => undefined)
  }
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

/** A barrier between them; done when it has come through where rows are made. */
interface PendingBarrier {
  readonly barrier: Barrier
  done: boolean
}

/** Batches found whole that may wait for the reader. */
const batchesAhead = 4

/** Parts the source's rows: those found wait, the others go where they are made. */
class Sorting {
  readonly pending: (Pending | PendingBarrier)[] = []
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
      if (item instanceof Barrier) this.pending.push({ barrier: item, done: false })
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
  arrived(value: RecordBatch | Barrier): void {
    if (value instanceof Barrier) {
      const at = this.pending.findIndex((p) => 'barrier' in p && p.barrier === value)
      for (const pending of this.pending.slice(0, at + 1)) pending.done = true
    } else this.#took(value)
  }

  #took(batch: RecordBatch): void {
    const ids = column(batch, 'id')
    const rowsOf = new Map<Pending, number[]>()
    let at = 0
    for (let row = 0; row < batch.numRows; row++) {
      const id = String(ids.get(row))
      while (at < this.pending.length && !waitsFor(this.pending[at], id)) at++
      const pending = this.pending[at]
      if (!pending || 'barrier' in pending)
        throw new Error(`Expected a row that was handed in, got \`${id}\``)
      rowsOf.set(pending, [...(rowsOf.get(pending) ?? []), row])
    }
    for (const [pending, rows] of rowsOf) pending.made.push(take(batch, rows))
    for (const pending of this.pending.slice(0, at)) pending.done = true
    const last = this.pending[at]
    if (last && 'made' in last) last.done = count(last.made) === last.awaited.size
  }

  /** The first batch or barrier, if it is complete. */
  next(): Pending | PendingBarrier | undefined {
    if (!this.pending[0]?.done) return undefined
    this.#room.resolve()
    return this.pending.shift()
  }
}

function waitsFor(pending: Pending | PendingBarrier | undefined, id: string): boolean {
  return pending !== undefined && 'awaited' in pending && pending.awaited.has(id)
}

/** Puts the rows found and the rows made together, in the order of the source. */
async function* whole(
  pending: Pending | PendingBarrier,
  file: StoredRows,
  schema: Schema | undefined,
): AsyncGenerator<RecordBatch | Barrier> {
  if ('barrier' in pending) {
    yield pending.barrier
    return
  }
  const { batch, stored, made } = pending
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
