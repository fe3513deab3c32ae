import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../batch/batch.ts'
import { Reservoir, type ReservoirState } from '../batch/reservoir.ts'
import { tableOfRows } from '../batch/row-table.ts'
import { operate } from '../flow/operate.ts'
import { type Factor, factorColumns, factorOf } from './factors.ts'

/** A table that is made of a label and columns of metadata. */
export interface FactorTable {
  /** Name of the operator. */
  readonly name: string
  /** Its options, checked. */
  readonly settings: {
    /** Text column of labels. */
    readonly label: string
    /** Columns of metadata. */
    readonly columns: readonly string[] | undefined
    /** Rows that are looked at. */
    readonly rows: number
    /** Seed of the draw; the run's where none is given. */
    readonly seed: number | undefined
  }
  /** Of the table. */
  readonly schema: Schema
  /** The rows of the table, of the rows drawn. */
  readonly rowsOf: (
    label: Factor,
    factors: readonly Factor[],
    draw: { readonly seed: number; readonly signal: AbortSignal },
  ) => Iterable<unknown[]> | AsyncIterable<unknown[]>
}

/** An operator that draws rows of a label and columns of metadata, and makes a table of them when its input has ended. */
export function operateFactors(table: FactorTable): OperatorFunction<RecordBatch, RecordBatch> {
  const { name, settings, schema } = table
  const { label, columns: named, rows } = settings

  function columnsIn(input: Schema): string[] {
    return factorColumns(input, { named, label, owner: name })
  }

  return operate<RecordBatch, RecordBatch>({
    name,
    learns: true,
    holds: `up to twice the ${String(rows)} rows that it draws, of the columns looked at`,
    settings,
    schema(input) {
      columnsIn(input)
      return schema
    },
    start({ run, signal }) {
      const seed = settings.seed ?? run?.seed ?? 0
      const sample = new Reservoir({ rows, per: undefined, maxGroups: 1, seed })
      return {
        *next(batch) {
          sample.add(select(batch, [label, ...columnsIn(batch.schema)]))
          yield* []
        },
        async *flush() {
          const drawn = sample.drawn()
          if (!drawn) return
          const factors = columnsIn(drawn.schema).map((column) => factorOf(drawn, column))
          const made: unknown[][] = []
          for await (const row of table.rowsOf(factorOf(drawn, label), factors, { seed, signal }))
            made.push(row)
          if (made.length > 0 && !signal.aborted) yield tableOfRows(schema, made)
        },
        snapshot: () => sample.save(),
        restore: (state) => {
          sample.restore(state as ReservoirState)
        },
      }
    },
  })
}
