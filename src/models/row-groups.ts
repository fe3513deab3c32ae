import type { Matrix } from './model.ts'

/** Rows of one group. */
export interface RowGroup {
  /** Its name; null for rows in no group. */
  readonly group: string | null
  /** Which rows they are. */
  readonly rows: readonly number[]
  /** Their values. */
  readonly matrix: Matrix
}

/** The group of rows that have none because nothing groups them. */
export const everything = ''

/** The rows by group, in the order of their first rows. Copies, unless there is one group. */
export function groupsOf(matrix: Matrix): readonly RowGroup[] {
  const rowsOf = new Map<string | null, number[]>()
  for (let row = 0; row < matrix.rows; row++) {
    const group = matrix.groups ? (matrix.groups[row] ?? null) : everything
    const rows = rowsOf.get(group)
    if (rows) rows.push(row)
    else rowsOf.set(group, [row])
  }
  return [...rowsOf].map(([group, rows]) => ({ group, rows, matrix: taken(matrix, rows) }))
}

function taken(matrix: Matrix, rows: readonly number[]): Matrix {
  const { columns, values } = matrix
  if (rows.length === matrix.rows) return { rows: rows.length, columns, values }
  const out = values.slice(0, rows.length * columns)
  rows.forEach((row, i) => {
    out.set(values.subarray(row * columns, (row + 1) * columns), i * columns)
  })
  return { rows: rows.length, columns, values: out }
}
