/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the list */

/** How p-values are made larger where there are many: so that no test errs (`bonferroni`), or few of those that are found (`fdr`). */
export type Correction = 'bonferroni' | 'fdr' | 'none'

/**
 * The p-values of tests made together, so that each may be held against one level.
 *
 * - `bonferroni`: p times their number: the chance that any of them errs stays below the level.
 * - `fdr`: of Benjamini and Hochberg, the least of p(j) · number / j over j from its rank on: of those below the level, that share errs on average.
 *
 * @see Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Statist. Soc. B 57 (1995)
 */
export function adjustedP(values: readonly number[], correction: Correction): number[] {
  const count = values.length
  if (correction === 'none') return [...values]
  if (correction === 'bonferroni') return values.map((p) => Math.min(1, p * count))
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]!)
  const adjusted = new Array<number>(count).fill(1)
  let least = 1
  for (const [i, at] of order.entries()) {
    least = Math.min(least, (values[at]! * count) / (count - i))
    adjusted[at] = least
  }
  return adjusted
}
