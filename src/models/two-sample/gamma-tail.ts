/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the table */

/** Coefficients of Lanczos' approximation for g = 7, to 15 digits. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]

/** The natural logarithm of Γ(x), x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  let sum = lanczos[0]!
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (x - 1 + i)
  const t = x + 6.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/**
 * The regularized upper incomplete gamma function Q(a, x): by its series below a + 1, by its continued fraction above.
 *
 * @see DLMF 8.11.4 and 8.9.2; the fraction is evaluated as W. J. Lentz does (Applied Optics 15, 1976)
 */
export function gammaTail(a: number, x: number): number {
  if (x <= 0) return 1
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) return 1 - scale * series(a, x)
  return scale * fraction(a, x)
}

/** P(χ² ≥ `x`) with so many degrees of freedom. */
export function chiSquareTail(x: number, degrees: number): number {
  return degrees === 0 ? 1 : gammaTail(degrees / 2, x / 2)
}

/** P(Z ≥ `z`) of a standard normal Z. */
export function normalTail(z: number): number {
  const half = gammaTail(0.5, (z * z) / 2) / 2
  return z >= 0 ? half : 1 - half
}

function series(a: number, x: number): number {
  let term = 1 / a
  let sum = term
  for (let n = 1; n < 10_000 && term > sum * 1e-17; n++) {
    term *= x / (a + n)
    sum += term
  }
  return sum
}

function fraction(a: number, x: number): number {
  const tiny = 1e-300
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let value = d
  for (let n = 1; n < 10_000; n++) {
    const numerator = -n * (n - a)
    b += 2
    d = 1 / nonZero(numerator * d + b)
    c = nonZero(b + numerator / c)
    value *= c * d
    if (Math.abs(c * d - 1) < 1e-16) break
  }
  return value

  function nonZero(of: number): number {
    return Math.abs(of) < tiny ? tiny : of
  }
}
