import { readFileSync } from 'node:fs'
import {
  type DataType,
  Field,
  Float64,
  type RecordBatch,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom, type OperatorFunction, toArray } from 'rxjs'
import { batchOf } from '../../src/batch/batch.ts'
import { flowOfBatches } from './points.ts'

/** How much two columns say of each other. */
export interface BalanceNumbers {
  readonly column: string
  readonly other: string
  readonly mi: number
  readonly dataeval_1: number
  readonly dataeval_065: number
}

/** The numbers of test/fixtures/labels/regenerate.py. */
export const bias = JSON.parse(
  readFileSync(new URL('../fixtures/labels/bias.json', import.meta.url), 'utf8'),
) as {
  readonly columns: Readonly<Record<string, readonly number[]>>
  readonly balance: readonly BalanceNumbers[]
  readonly balance_of_label_1: readonly BalanceNumbers[]
  readonly diversity: readonly {
    readonly column: string
    readonly bins: number
    readonly simpson: number
    readonly simpson_065: number
    readonly shannon: number
  }[]
  readonly coverage: {
    readonly k: number
    readonly radii: readonly number[]
    readonly adaptive_5_percent: readonly number[]
    readonly naive_columns: readonly number[]
    readonly naive_uncovered: readonly number[]
  }
}

/** Their columns in batches of `size` rows: `label` and `site` as text, the others as numbers; `nulls` rows without any come in front. */
export function biasBatches(size: number, nulls = 0): RecordBatch[] {
  const rows = (bias.columns['label']?.length ?? 0) + nulls
  const columns = Object.entries(bias.columns).map(([name, values]) => {
    const text = name === 'label' || name === 'site'
    const type: DataType = text ? new Utf8() : new Float64()
    const given = values.map((value) => (text ? `${name} ${String(value)}` : value))
    const all = [...Array<null>(nulls).fill(null), ...given]
    return { field: new Field(name, type, true), vector: vectorFromArray(all, type) }
  })
  const whole = batchOf(columns)
  const batches: RecordBatch[] = []
  for (let from = 0; from < rows; from += size) batches.push(whole.slice(from, from + size))
  return batches
}

/** What comes out, as rows. */
export async function rowsThrough(
  batches: readonly RecordBatch[],
  operator: OperatorFunction<RecordBatch, RecordBatch>,
): Promise<Readonly<Record<string, unknown>>[]> {
  const out = await lastValueFrom(flowOfBatches(batches).pipe(operator, toArray()))
  return out.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}
