import { Field, Float64, List, Utf8, vectorFromArray } from 'apache-arrow'
import type { Column } from '../batch/batch.ts'
import type { Matches } from '../models/neighbor-index.ts'

/** The fields that `neighbors` adds: the nearest, and with `k` above 1 all of them as lists. */
export function neighborFields(k: number): Field[] {
  const nearest = [
    new Field('near_id', new Utf8(), true),
    new Field('near_distance', new Float64(), true),
  ]
  if (k === 1) return nearest
  const ids = new List(new Field('item', new Utf8(), false))
  const distances = new List(new Field('item', new Float64(), false))
  return [
    ...nearest,
    new Field('neighbor_ids', ids, true),
    new Field('neighbor_distances', distances, true),
  ]
}

/** The columns of `numRows` rows; `rows` says which of them were searched for, the others get nulls. */
export function neighborColumns(
  matches: Matches,
  rows: readonly number[],
  numRows: number,
): Column[] {
  const { k } = matches
  const ids = new Array<string[] | null>(numRows).fill(null)
  const distances = new Array<number[] | null>(numRows).fill(null)
  for (const [i, row] of rows.entries()) {
    const keys = matches.keys.slice(i * k, (i + 1) * k)
    const found = keys.filter((key) => key !== null)
    ids[row] = found
    distances[row] = [...matches.distances.subarray(i * k, i * k + found.length)]
  }
  const values = [
    ids.map((list) => list?.[0] ?? null),
    distances.map((list) => list?.[0] ?? null),
    ids,
    distances,
  ]
  return neighborFields(k).map((field, i) => ({
    field,
    vector: vectorFromArray(values[i] ?? [], field.type),
  }))
}
