import { maximize, momentsBehind } from './maximization.ts'
import type { FittedMixture } from './mixture-state.ts'
import { addMoments, type Densities, densitiesOf, expectation } from './mixture.ts'
import type { Matrix } from './model.ts'
import { quantilesOf } from './quantiles.ts'

/** Latest scores kept for the quantiles while learning online. */
const recentScores = 4096
/** Step size of window t of online EM: (t + delay)^−decay. */
const decay = 0.6
const delay = 4

/** One step of stepwise EM, from the blocks of a window, whose values move to the kernel. */
export async function onlineStep(
  fitted: FittedMixture,
  densities: Densities,
  blocks: Iterable<Matrix>,
  { windowRows, regularization }: { readonly windowRows: number; readonly regularization: number },
): Promise<FittedMixture> {
  const { windows = 0, recent: before, quantiles } = fitted
  const { center, covariance } = fitted.parameters
  const step = (windows + delay) ** -decay
  const moments = momentsBehind(fitted.parameters, regularization)
  const scores = [...(before.length > 0 ? before : quantiles)]
  let keep = 1 - step
  for (const block of blocks) {
    const part = await expectation(covariance, densities, block)
    addMoments(moments, part.moments, step / windowRows, keep)
    for (const score of part.density) scores.push(score)
    keep = 1
  }
  const parameters = maximize(moments, covariance, center, regularization)
  const recent = Float64Array.from(scores.slice(-recentScores))
  return {
    ...fitted,
    parameters,
    densities: await densitiesOf(parameters),
    rows: fitted.rows + windowRows,
    quantiles: quantilesOf(recent.slice()),
    recent,
    windows: windows + 1,
  }
}
