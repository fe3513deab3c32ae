import type { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction, OperatorFunction } from 'rxjs'
import { take, textColumn, batchOf as batchOfColumns } from '../../src/batch/batch.ts'
import { type Reject, Rejects } from '../../src/flow/control.ts'
import type { Flow } from '../../src/flow/flow.ts'
import { operate } from '../../src/flow/operate.ts'
import { requireField } from '../../src/batch/schema.ts'
import { sink, type WriteSummary } from '../../src/flow/sink.ts'
import { source } from '../../src/flow/source.ts'

const empty = batchOfColumns([textColumn('id', [])])

/** A source of `numRows` rows with the ids `<name>0`, `<name>1` …, two to a batch. */
export function letters(name: string, numRows: number): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'letters',
    schema: () => empty.schema,
    memoryBytes: 64,
    settings: { name, numRows },
    async *read(_context, from = 0) {
      for (let row = from; row < numRows; row += 2) {
        const ids = [row, row + 1].filter((i) => i < numRows).map((i) => name + String(i))
        await Promise.resolve()
        yield [batchOfColumns([textColumn('id', ids)]), row + 2]
      }
    },
  })
}

/** A source that gives one row, then waits until its reader wants no more. */
export function endless(): Flow<RecordBatch> {
  return source<RecordBatch, number>({
    name: 'endless',
    bounded: false,
    schema: () => empty.schema,
    async *read({ signal }) {
      yield [batchOfColumns([textColumn('id', ['first'])]), 1]
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve)
      })
    },
  })
}

/** Rejects every row whose id ends in `digit`. */
export function refuse(digit: string): MonoTypeOperatorFunction<RecordBatch> {
  return operate<RecordBatch, RecordBatch>({
    name: 'refuse',
    schema: (input) => {
      requireField(input, 'id', { owner: 'refuse', kind: 'text' })
      return input
    },
    start: () => ({
      *next(batch) {
        const ids = [...(batch.getChild('id') ?? [])].map(String)
        const kept = ids.flatMap((id, row) => (id.endsWith(digit) ? [] : [row]))
        const refused = ids.filter((id) => id.endsWith(digit)).map(refusal)
        if (kept.length > 0) yield take(batch, kept)
        if (refused.length > 0) yield new Rejects(refused)
      },
    }),
  })
}

function refusal(id: string): Reject {
  const message = 'Expected another digit'
  return { id, operator: 'refuse', code: 'DATA', message, attempt: 1 }
}

/** What a sink into memory has seen. */
export interface Kept {
  readonly ids: string[]
  aborted: boolean
  finished: boolean
}

/** A sink into memory. */
export function toKept(kept: Kept): OperatorFunction<RecordBatch, WriteSummary> {
  return sink({
    name: 'to-kept',
    guarantee: 'at-least-once',
    open: () => ({
      write(batch) {
        kept.ids.push(...[...(batch.getChild('id') ?? [])].map(String))
      },
      finish() {
        kept.finished = true
        const rows = kept.ids.length
        return { summary: { sink: 'to-kept', location: 'memory', rows, bytes: 0, files: 0 } }
      },
      abort() {
        kept.aborted = true
      },
    }),
  })
}

/** An empty memory. */
export function nothing(): Kept {
  return { ids: [], aborted: false, finished: false }
}
