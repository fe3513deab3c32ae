/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the samples */
import { chiSquareTail, logGamma } from './gamma-tail.ts'
import type { TwoSampleResult } from './two-sample.ts'

/** Up to so many rows in the larger sample the p-value is exact. */
const exactRows = 20
/** From where on the tail of the limit is taken by its own limit. */
const far = 4

/**
 * The two-sample Cramér–von Mises test: T, the mean squared difference of the two shares at or below a value.
 *
 * Of ties T is the mean over all orders that they could be in, so that they alone are no difference; the p-value is then too large, if anything. (With the
 * mean of their ranks, as scipy has it, T grows with the ties: two samples of one value are at p = 0.)
 *
 * The p-value is exact up to 20 rows in the larger sample; above, T is brought to the mean and variance of its limit, whose distribution is taken.
 *
 * @param x ascending, at least one value
 * @param y likewise
 * @see T. W. Anderson, On the distribution of the two-sample Cramér–von Mises criterion, Ann. Math. Statist. 33 (1962), equations 9 to 15
 * @see Y. Xiao et al., A C++ program for the Cramér–von Mises two-sample test, J. Statistical Software 17 (2007)
 * @see S. Csörgő, J. Faraway, The exact and asymptotic distributions of Cramér–von Mises statistics, J. R. Statist. Soc. B 58 (1996), equation 1.2
 */
export function cramerVonMises(x: Float64Array, y: Float64Array): TwoSampleResult {
  const [m, n] = [x.length, y.length]
  const [product, all] = [m * n, m + n]
  const squares = squaredSteps(x, y)
  const statistic = squares / (product * all * all)
  if (Math.max(m, n) <= exactRows) return { statistic, pValue: exactP(squares, m, n) }
  const mean = (1 + 1 / all) / 6
  const spread =
    ((all + 1) * (4 * product * all - 3 * (m * m + n * n) - 2 * product)) /
    (45 * all * all * 4 * product)
  const normalized = 1 / 6 + (statistic - mean) / Math.sqrt(45 * spread)
  return { statistic, pValue: limitP(normalized) }
}

/**
 * Σ (i n − j m)² over all rows in order, i of x and j of y at or below each. Of tied rows the mean over their orders: i n − j m goes on evenly, and its square
 * is larger by the variance of a draw without replacement.
 */
function squaredSteps(x: Float64Array, y: Float64Array): number {
  const [m, n] = [x.length, y.length]
  let i = 0
  let j = 0
  let sum = 0
  while (i < m || j < n) {
    const value = Math.min(x[i] ?? Infinity, y[j] ?? Infinity)
    const [fromX, fromY] = [i, j]
    while (i < m && x[i] === value) i++
    while (j < n && y[j] === value) j++
    const [tiedX, tiedY] = [i - fromX, j - fromY]
    const tied = tiedX + tiedY
    const before = fromX * n - fromY * m
    const step = (tiedX * n - tiedY * m) / tied
    sum += tied * before ** 2 + before * step * tied * (tied + 1)
    sum += (step ** 2 * tied * (tied + 1) * (2 * tied + 1)) / 6
    sum += ((m + n) ** 2 * tiedX * tiedY * (tied + 1)) / (6 * tied)
  }
  return sum
}

/**
 * How many of all ways to put the rows in order have a sum of at least `squares`: by place of the walk from (0, 0) to (m, n), how
 * likely each sum of squared steps (a i − b j)² is, in whole numbers.
 */
function exactP(squares: number, m: number, n: number): number {
  const divisor = greatestDivisor(m, n)
  const [a, b] = [n / divisor, m / divisor]
  const zeta = Math.floor(squares / divisor ** 2 + 1e-6)
  let column: Map<number, number>[] = []
  for (let i = 0; i <= m; i++) {
    const next: Map<number, number>[] = []
    for (let j = 0; j <= n; j++) {
      const togo = m - i + n - j + 1
      const step = (a * i - b * j) ** 2
      const sums = new Map<number, number>()
      if (i === 0 && j === 0) sums.set(0, 1)
      if (i > 0) add(sums, column[j]!, { step, weight: (m - i + 1) / togo })
      if (j > 0) add(sums, next[j - 1]!, { step, weight: (n - j + 1) / togo })
      next.push(sums)
    }
    column = next
  }
  let reached = 0
  for (const [sum, probability] of column[n]!) if (sum >= zeta) reached += probability
  return Math.min(1, reached)
}

function add(
  to: Map<number, number>,
  from: ReadonlyMap<number, number>,
  { step, weight }: { readonly step: number; readonly weight: number },
): void {
  for (const [sum, probability] of from)
    to.set(sum + step, (to.get(sum + step) ?? 0) + probability * weight)
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

/**
 * 1 − the limiting distribution at `x`: Σ Γ(k + ½) / (Γ(½) k!) √(4k + 1) exp(−q) K¼(q) / (π √x), q = (4k + 1)² / 16x. Far out, where
 * nothing would be left of the difference, V. M. Zolotarev's limit √2 P(χ² ≥ π² x), one degree of freedom, which is less than 1 % off there.
 */
function limitP(x: number): number {
  if (x < 0.003) return 1
  if (x > far) return Math.SQRT2 * chiSquareTail(Math.PI ** 2 * x, 1)
  let sum = 0
  for (let k = 0; k < 100; k++) {
    const q = (4 * k + 1) ** 2 / (16 * x)
    const weight = Math.exp(logGamma(k + 0.5) - logGamma(0.5) - logGamma(k + 1))
    const term = weight * Math.sqrt(4 * k + 1) * besselQuarter(q)
    sum += term
    if (term < 1e-17 * sum) break
  }
  return Math.max(0, 1 - sum / (Math.PI * Math.sqrt(x)))
}

/** exp(−q) K¼(q), as ∫ exp(−q (1 + cosh t)) cosh(t / 4) dt, by the trapezoidal rule, which converges at once here. */
function besselQuarter(q: number): number {
  const step = 1 / 64
  let sum = Math.exp(-2 * q) / 2
  for (let t = step; ; t += step) {
    const term = Math.exp(-q * (1 + Math.cosh(t))) * Math.cosh(t / 4)
    sum += term
    if (term <= 1e-18 * sum) return sum * step
  }
}
