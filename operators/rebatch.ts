import type { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { decodeBatch, encodeBatch } from '../src/batch/ipc.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, positiveInteger } from '../src/options.ts'
import { Rebatcher } from '../src/batch/rebatcher.ts'

/** Options of {@link rebatch}. */
export interface RebatchOptions {
  /**
   * Most rows of a batch.
   *
   * @default 4_096
   */
  readonly rows?: number
  /**
   * Most bytes of a batch, by what each row takes itself (without dictionaries and the bits of
   * nulls); a row that takes more comes alone.
   *
   * @default 33_554_432, less if the run's memory asks for it
   */
  readonly bytes?: number
}

const defaultBytes = { least: 2 ** 20, most: 2 ** 25 }

/**
 * Cuts the rows into batches as full as the limits allow.
 *
 * - Rows: n to n, in input order. Where it cuts depends on the rows, not on the batches they came in.
 * - Columns: unchanged; a dictionary is shared, or joined with those of the other batches.
 * - State: less than one full batch.
 *
 * @throws {OptionError} at the call, if an option is unknown or no positive integer
 * @example
 * batches$.pipe(rebatch({ rows: 3 })) // rows 1,2 | 3,4,5 | 6,7  =>  1,2,3 | 4,5,6 | 7
 */
export function rebatch(options: RebatchOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('rebatch', options, ['rows', 'bytes'])
  const rows = positiveInteger('rows', options.rows ?? 4096)
  const given = options.bytes === undefined ? undefined : positiveInteger('bytes', options.bytes)

  return operate<RecordBatch, RecordBatch>({
    name: 'rebatch',
    schema: (input) => input,
    memoryBytes: given ?? defaultBytes,
    settings: { rows, ...(given !== undefined && { bytes: given }) },
    start: (_context, { memoryBytes: bytes }) => {
      const rebatcher = new Rebatcher({ rows, bytes })
      return {
        next: (batch) => rebatcher.push(batch),
        flush: () => rebatcher.flush(),
        snapshot: () => {
          const held = rebatcher.held()
          return held && encodeBatch(held)
        },
        restore: (held: unknown) => {
          for (const full of rebatcher.push(decodeBatch(held as Uint8Array)))
            throw new Error(`Expected less than a full batch, got ${String(full.numRows)} rows`)
        },
      }
    },
  })
}
