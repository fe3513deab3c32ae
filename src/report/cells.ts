import type { Vector } from 'apache-arrow'

/** The text at `row`, or null. */
export function textAt(vector: Vector | null, row: number): string | null {
  const value: unknown = vector?.get(row)
  return typeof value === 'string' ? value : null
}

/** The texts of the list at `row`; none where it is null. */
export function textsAt(vector: Vector, row: number): string[] {
  const values = vector.get(row) as Iterable<unknown> | null
  return values === null ? [] : Array.from(values, String)
}

/** The finite number at `row`, or null. */
export function numberAt(vector: Vector | null, row: number): number | null {
  const value: unknown = vector?.get(row)
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}
