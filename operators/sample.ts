import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { Reservoir, type ReservoirState } from '../src/batch/reservoir.ts'
import { requireField } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString, positiveInteger, wholeNumber } from '../src/options.ts'

/** Options of {@link sample}. */
export interface SampleOptions {
  /** Rows that are drawn: of all, or of each group. */
  readonly rows: number
  /**
   * Text column whose values are the groups: draws as many rows of each. Those without a value are one too.
   *
   * @default all rows are one group
   */
  readonly per?: string
  /**
   * Most groups; with more the stream fails, since the rows of all are held.
   *
   * @default 10_000
   */
  readonly maxGroups?: number
  /**
   * Seed of the draw.
   *
   * @default that of the run
   */
  readonly seed?: number
}

/** Rows of a batch that comes out. */
const batchRows = 4096

/**
 * Draws rows at random, each with the same chance; no row twice.
 *
 * - Rows: n to at most `rows`, or at most `rows` of each group, in input order, when the input has ended. What is
 *   drawn depends on the seed and on the order of the rows, not on the batches they came in.
 * - Columns: unchanged; those that are heavy and wanted are held too, so sample before `decode`.
 * - State: up to twice the rows drawn, with a number each. It is the state at a barrier.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if the column `per` is missing or no text
 * @throws {DataError} on the stream, if there are more groups than `maxGroups`
 * @see J. S. Vitter, Random sampling with a reservoir, ACM TOMS 11 (1985); here by keys: each row gets a random
 *   one, and those with the smallest stay
 * @example
 * fromFiles('photos').pipe(sample({ rows: 100, per: 'label' }))
 */
export function sample(options: SampleOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('sample', options, ['rows', 'per', 'maxGroups', 'seed'])
  const rows = positiveInteger('rows', options.rows)
  const per = options.per === undefined ? undefined : nonEmptyString('per', options.per)
  const maxGroups = positiveInteger('maxGroups', options.maxGroups ?? 10_000)
  const given = options.seed === undefined ? undefined : wholeNumber('seed', options.seed)

  function checked(schema: Schema): Schema {
    if (per !== undefined) requireField(schema, per, { owner: 'sample', kind: 'text' })
    return schema
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'sample',
    reads: per === undefined ? [] : [per],
    schema: checked,
    holds: `up to twice the ${String(rows)} rows that it draws${per === undefined ? '' : ' of each group'}`,
    learns: true,
    settings: {
      rows,
      ...(per !== undefined && { per }),
      ...(given !== undefined && { seed: given }),
    },
    start({ run }) {
      const reservoir = new Reservoir({ rows, per, maxGroups, seed: given ?? run?.seed ?? 0 })
      return {
        *next(batch) {
          checked(batch.schema)
          reservoir.add(batch)
        },
        *flush() {
          const drawn = reservoir.drawn()
          for (let row = 0; row < (drawn?.numRows ?? 0); row += batchRows)
            yield (drawn as RecordBatch).slice(row, row + batchRows)
        },
        snapshot: () => reservoir.save(),
        restore: (state) => {
          reservoir.restore(state as ReservoirState)
        },
      }
    },
  })
}
