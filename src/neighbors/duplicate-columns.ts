import {
  Bool,
  Field,
  Float64,
  Int32,
  type RecordBatch,
  Schema,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { batchOf } from '../batch/batch.ts'
import { noHamming } from '../kernels/near-pairs.ts'
import { bestOf, type Facts } from './duplicate-facts.ts'
import type { Spread } from './group-spread.ts'

/** Rows of a batch of the answer. */
const batchRows = 4096

const added = [
  new Field('exact_group', new Int32(), true),
  new Field('near_group', new Int32(), true),
  new Field('exact_keep', new Bool(), true),
  new Field('near_keep', new Bool(), true),
  new Field('near_by', new Utf8(), true),
  new Field('embedding_distance', new Float64(), true),
  new Field('hash_distance', new Int32(), true),
]

const spreadFields = [
  new Field('centroid_distance', new Float64(), true),
  new Field('group_x', new Float64(), true),
  new Field('group_y', new Float64(), true),
]

/** The columns that say which groups rows are in, with `spread` those of how the groups lie too. */
export function duplicateFields(spread: boolean): readonly Field[] {
  return spread ? [...added, ...spreadFields] : added
}

/** What ties a member of a near group to the kept one. */
export interface Ties {
  /** What says so. */
  readonly by: 'hash' | 'embedding' | 'phash'
  /** How far apart the embeddings are, NaN if unknown. */
  readonly distance: number
  /** Hamming distance, 65 if unknown. */
  readonly hamming: number
}

/** A near group: the kept row and its copies have no ties, the others hang on it by theirs. */
export type NearRows = readonly { readonly row: number; readonly ties: Ties | undefined }[]

/** The columns that say of each row which groups it is in. */
export class DuplicateColumns {
  readonly #fields: readonly Field[]
  readonly #numRows: number
  readonly #values: ReadonlyMap<string, unknown[]>

  constructor(fields: readonly Field[], numRows: number) {
    this.#fields = fields
    this.#numRows = numRows
    this.#values = new Map(fields.map(({ name }) => [name, new Array<unknown>(numRows).fill(null)]))
  }

  /** Sets the exact groups, numbered in their order. */
  setExact(groups: readonly (readonly number[])[], facts: Facts): void {
    for (const [group, rows] of groups.entries()) {
      const kept = bestOf(rows, facts)
      for (const row of rows) {
        this.#set('exact_group', row, group)
        this.#set('exact_keep', row, row === kept)
      }
    }
  }

  /** Sets the near groups, numbered in their order. */
  setNear(groups: readonly NearRows[], facts: Facts): void {
    for (const [number, group] of groups.entries()) {
      const same = group.filter((member) => !member.ties).map((member) => member.row)
      const kept = bestOf(same, facts)
      for (const { row, ties } of group) {
        this.#set('near_group', row, number)
        this.#set('near_keep', row, row === kept)
        if (row === kept) continue
        const { by, distance, hamming } = ties ?? { by: 'hash', distance: 0, hamming: 0 }
        this.#set('near_by', row, by)
        if (!Number.isNaN(distance)) this.#set('embedding_distance', row, distance)
        if (hamming !== noHamming) this.#set('hash_distance', row, hamming)
      }
    }
  }

  /** Sets where a member lies. */
  setSpread({ row, distance, x, y }: Spread): void {
    this.#set('centroid_distance', row, distance)
    this.#set('group_x', row, x)
    this.#set('group_y', row, y)
  }

  /** The columns. */
  *batches(): Generator<RecordBatch> {
    const schema = new Schema([...this.#fields])
    for (let from = 0; from < this.#numRows; from += batchRows) {
      const columns = this.#fields.map((field) => {
        const values = this.#values.get(field.name)?.slice(from, from + batchRows)
        return { field, vector: vectorFromArray(values ?? [], field.type) }
      })
      yield batchOf(columns, schema)
    }
  }

  #set(name: string, row: number, value: unknown): void {
    const values = this.#values.get(name)
    if (values) values[row] = value
  }
}
