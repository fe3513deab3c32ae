/** The nearest number of 16 bits, ties to even. */
export function half(value: number): number {
  const size = Math.abs(value)
  if (size === 0 || !Number.isFinite(value)) return value
  // 11 significant bits, fewer below 2^-14.
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(size))) - 10)
  const rounded = roundToEven(size / step) * step
  return Math.sign(value) * (rounded >= 65_520 ? Infinity : rounded)
}

function roundToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
