/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
/** Answer of {@link choleskyInverses}. */
export interface CholeskyInverses {
  /** For each matrix A = L·Lᵀ the upper triangular (L⁻¹)ᵀ, one after another. */
  readonly inverses: Float64Array
  /** For each matrix ln det L. */
  readonly logDeterminants: Float64Array
  /** Index of the first matrix that is not positive definite, else −1. */
  readonly failed: number
}

/** Factorises `count` symmetric matrices of `size` rows that lie one after another. */
export function choleskyInverses(message: {
  readonly matrices: Float64Array
  readonly size: number
  readonly count: number
}): CholeskyInverses {
  const { matrices, size, count } = message
  const inverses = new Float64Array(matrices.length)
  const logDeterminants = new Float64Array(count)
  for (let m = 0; m < count; m++) {
    const factor = choleskyFactor(matrices.slice(m * size * size, (m + 1) * size * size), size)
    if (!factor) return { inverses, logDeterminants, failed: m }
    for (let i = 0; i < size; i++) logDeterminants[m]! += Math.log(factor[i * size + i]!)
    inverses.set(transposedInverse(factor, size), m * size * size)
  }
  return { inverses, logDeterminants, failed: -1 }
}

/** The lower triangular L of A = L·Lᵀ, in place of A; nothing if A is not positive definite. */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array | undefined {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!
      for (let p = 0; p < j; p++) sum -= matrix[i * size + p]! * matrix[j * size + p]!
      if (i === j) {
        if (!(sum > Number.EPSILON * size * matrix[i * size + i]!)) return undefined
        matrix[i * size + i] = Math.sqrt(sum)
      } else matrix[i * size + j] = sum / matrix[j * size + j]!
    }
    matrix.fill(0, i * size + i + 1, (i + 1) * size)
  }
  return matrix
}

/** (L⁻¹)ᵀ of a lower triangular L. */
export function transposedInverse(lower: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  for (let column = 0; column < size; column++) {
    const row = column * size
    inverse[row + column] = 1 / lower[row + column]!
    for (let i = column + 1; i < size; i++) {
      let sum = 0
      for (let p = column; p < i; p++) sum -= lower[i * size + p]! * inverse[row + p]!
      inverse[row + i] = sum / lower[i * size + i]!
    }
  }
  return inverse
}
