import { readFileSync } from 'node:fs'

type Numbers = readonly number[]
type Result = readonly [statistic: number, p: number]

/** The numbers of test/fixtures/drift/regenerate.py. */
export const twoSample = JSON.parse(
  readFileSync(new URL('../fixtures/drift/two-sample.json', import.meta.url), 'utf8'),
) as {
  readonly pairs: Readonly<
    Record<
      string,
      {
        readonly x: Numbers
        readonly y: Numbers
        readonly ks: Result
        readonly cvm: Result
        readonly mwu_greater: Result
        readonly wasserstein: number
        readonly scale: number
        readonly psi: Result
      }
    >
  >
  readonly large: readonly { readonly power: number; readonly ks: Result; readonly cvm: Result }[]
  readonly tables: readonly {
    readonly table: readonly Numbers[]
    readonly statistic: number
    readonly p: number
  }[]
  readonly mmd: {
    readonly reference: readonly Numbers[]
    readonly arrived: readonly Numbers[]
    readonly sigma: number
    readonly mmd2: number
    readonly share_reached: number
  }
  readonly chi2_tail: readonly (readonly [x: number, degrees: number, p: number])[]
}
