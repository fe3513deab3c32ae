import type { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { carried } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'
import { callback, columnList, knownOptions } from '../src/options.ts'

/** Options of {@link tap}. */
export interface TapOptions {
  /** Called with each batch before it goes on; the next one waits until it is done. */
  readonly each: (batch: RecordBatch) => void | Promise<void>
  /**
   * Heavy columns (pictures) that it looks at; it sees others only if something behind it wants them.
   *
   * @default none
   */
  readonly reads?: readonly string[]
}

/**
 * Calls a function with each batch, and passes the batch on as it is.
 *
 * - Rows: n to n, in order; nothing is copied.
 * - A resumed run calls it again with the batches behind its checkpoint.
 * - An error in it fails the stream.
 *
 * @throws {OptionError} at the call, if an option is unknown or no function
 * @example
 * flow.pipe(tap({ each: (batch) => gauge.set(batch.numRows) }))
 */
export function tap(options: TapOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('tap', options, ['each', 'reads'])
  const each = callback('each', options.each)
  const reads = options.reads === undefined ? [] : columnList('reads', options.reads)

  return operate<RecordBatch, RecordBatch>({
    name: 'tap',
    reads,
    schema(input) {
      carried(input, reads, { owner: 'tap' })
      return input
    },
    memoryBytes: 0,
    start: () => ({
      async *next(batch) {
        await each(batch)
        yield batch
      },
    }),
    settings: { reads },
  })
}
