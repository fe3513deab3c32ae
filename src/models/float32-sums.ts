/** Values summed one after another at most. */
const blockLength = 128

/** The mean of float32 values as NumPy computes it: summed in float32, pairwise. */
export function float32Mean(values: Float32Array): number {
  return Math.fround(pairwiseSum(values, 0, values.length) / values.length)
}

/** The standard deviation of float32 values, divided by their number, as NumPy computes it. */
export function float32Deviation(values: Float32Array): number {
  const mean = float32Mean(values)
  const squares = values.map((value) => Math.fround(value - mean) ** 2)
  return Math.fround(Math.sqrt(float32Mean(squares)))
}

/** Eight running sums for a block, and halves of what is longer. */
function pairwiseSum(values: Float32Array, from: number, length: number): number {
  if (length > blockLength) {
    const half = (length >> 1) - ((length >> 1) % 8)
    return Math.fround(
      pairwiseSum(values, from, half) + pairwiseSum(values, from + half, length - half),
    )
  }
  if (length < 8) {
    let sum = 0
    for (let i = from; i < from + length; i++) sum = Math.fround(sum + (values[i] ?? 0))
    return sum
  }
  const sums = values.slice(from, from + 8)
  const whole = length - (length % 8)
  // Adding to a float32 array rounds.
  for (let i = 8; i < whole; i++) sums[i % 8] = (sums[i % 8] ?? 0) + (values[from + i] ?? 0)
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums
  const left = Math.fround(Math.fround(a + b) + Math.fround(c + d))
  const right = Math.fround(Math.fround(e + f) + Math.fround(g + h))
  let sum = Math.fround(left + right)
  for (let i = from + whole; i < from + length; i++) sum = Math.fround(sum + (values[i] ?? 0))
  return sum
}
