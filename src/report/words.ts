/** A count as people write it. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** A count with its noun. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** A time span, to two or three digits. */
export function seconds(value: number): string {
  if (value >= 120) return `${(value / 60).toPrecision(3)} min`
  return `${String(Number(value.toPrecision(value < 1 ? 2 : 3)))} s`
}

/** A value of a metric, to four digits. */
export function valueText(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(1).replace('-', '−')
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 }).replace('-', '−')
}

/** A familiarity score, to four digits. */
export function scoreText(familiarity: number): string {
  return familiarity.toLocaleString('en-US', { maximumSignificantDigits: 4 }).replace('-', '−')
}
