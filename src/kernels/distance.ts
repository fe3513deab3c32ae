/** How far apart two rows are: 1 − cos (0 to 2; a zero vector is at 1 from everything), or Euclidean. */
export type Metric = 'cosine' | 'euclidean'

/** Where a row starts in an array of rows. */
export interface RowAt {
  /** The rows, one after another. */
  readonly values: Float32Array
  /** Index of the row's first value. */
  readonly from: number
}

/** The distance of two rows of `columns` values, in float64. */
export function distance(metric: Metric, a: RowAt, b: RowAt, columns: number): number {
  return metric === 'cosine' ? cosine(a, b, columns) : euclidean(a, b, columns)
}

function cosine(a: RowAt, b: RowAt, columns: number): number {
  let dot = 0
  let aa = 0
  let bb = 0
  for (let i = 0; i < columns; i++) {
    const x = a.values[a.from + i] ?? 0
    const y = b.values[b.from + i] ?? 0
    dot += x * y
    aa += x * x
    bb += y * y
  }
  return aa === 0 || bb === 0 ? 1 : Math.max(0, 1 - dot / Math.sqrt(aa * bb))
}

function euclidean(a: RowAt, b: RowAt, columns: number): number {
  let sum = 0
  for (let i = 0; i < columns; i++) {
    const difference = (a.values[a.from + i] ?? 0) - (b.values[b.from + i] ?? 0)
    sum += difference * difference
  }
  return Math.sqrt(sum)
}

/** The distance up to which two rows are the same but for rounding. */
export function rounding(metric: Metric): number {
  return metric === 'cosine' ? 1e-12 : 0
}

/** Rows as a matrix product takes them, and the length of each. */
export interface Scaled {
  /** The changed rows. */
  readonly values: Float32Array
  /** Their Euclidean lengths, in float64. */
  readonly lengths: Float64Array
}

/** Rows divided by their lengths; a zero row stays zero and has length 0. */
export function unitRows(rows: Float32Array, columns: number): Scaled {
  const values = new Float32Array(rows.length)
  const lengths = new Float64Array(rows.length / columns)
  for (let row = 0; row < lengths.length; row++) {
    const from = row * columns
    let squares = 0
    for (let i = from; i < from + columns; i++) squares += (rows[i] ?? 0) ** 2
    const length = Math.sqrt(squares)
    lengths[row] = length === 0 ? 0 : 1
    for (let i = from; i < from + columns; i++)
      values[i] = length === 0 ? 0 : (rows[i] ?? 0) / length
  }
  return { values, lengths }
}

/** Rows with `center` taken off, times `scale`. */
export function centredRows(
  rows: Float32Array,
  columns: number,
  { center, scale }: { readonly center: Float32Array; readonly scale: number },
): Scaled {
  const values = new Float32Array(rows.length)
  const lengths = new Float64Array(rows.length / columns)
  for (let row = 0; row < lengths.length; row++) {
    let squares = 0
    for (let i = 0; i < columns; i++) {
      const x = Math.fround(((rows[row * columns + i] ?? 0) - (center[i] ?? 0)) * scale)
      values[row * columns + i] = x
      squares += x * x
    }
    lengths[row] = Math.sqrt(squares)
  }
  return { values, lengths }
}
