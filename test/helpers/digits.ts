import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import type { Matrix } from '../../src/models/model.ts'

const folder = new URL('../fixtures/sklearn/', import.meta.url)

/** A JSON file of the folder of scikit-learn's numbers. */
export function sklearn(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
}

/** The digits: 1,797 rows of 64 values from 0 to 16; every third row is held out. */
export function digits(): { train: Matrix; heldOut: Matrix } {
  const { rows, columns, zlib_base64 } = sklearn('digits') as {
    rows: number
    columns: number
    zlib_base64: string
  }
  const bytes = inflateSync(Buffer.from(zlib_base64, 'base64'))
  function pick(keep: (row: number) => boolean): Matrix {
    const kept = Array.from({ length: rows }, (_, row) => row).filter(keep)
    const values = Float32Array.from(
      kept.flatMap((row) => [...bytes.subarray(row * columns, (row + 1) * columns)]),
    )
    return { rows: kept.length, columns, values }
  }
  return { train: pick((row) => row % 3 !== 2), heldOut: pick((row) => row % 3 === 2) }
}

/** A matrix of nested lists, in float64. */
export function matrixOf(rows: readonly (readonly number[])[]): Matrix {
  const columns = rows[0]?.length ?? 0
  return { rows: rows.length, columns, values: Float64Array.from(rows.flat()) }
}

/** The rows from `from` to `to`. */
export function slice(matrix: Matrix, from: number, to: number): Matrix {
  const { columns, values } = matrix
  const end = Math.min(to, matrix.rows)
  return { rows: end - from, columns, values: values.slice(from * columns, end * columns) }
}

/** Learns all rows in one pass, `size` at a time. */
export async function learnAll(
  model: { learn(rows: Matrix): Promise<void> },
  rows: Matrix,
  size: number,
): Promise<void> {
  for (let from = 0; from < rows.rows; from += size)
    await model.learn(slice(rows, from, from + size))
}
