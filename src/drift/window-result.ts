import { setImmediate } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { Random } from '../kernels/random.ts'
import { presentRows } from '../neighbors/neighbor-search.ts'
import { type DriftReference, evenly, kernelRows } from '../models/drift-reference.ts'
import { adjustedP, type Correction } from '../models/two-sample/adjusted-p.ts'
import { chiSquare } from '../models/two-sample/chi-square.ts'
import { cramerVonMises } from '../models/two-sample/cramer-von-mises.ts'
import { kolmogorovSmirnov } from '../models/two-sample/kolmogorov-smirnov.ts'
import { mannWhitneyGreater } from '../models/two-sample/mann-whitney.ts'
import { meanDiscrepancy } from '../models/two-sample/mean-discrepancy.ts'
import { populationStability } from '../models/two-sample/population-stability.ts'
import type { Permuting, TwoSampleResult } from '../models/two-sample/two-sample.ts'
import { wasserstein } from '../models/two-sample/wasserstein.ts'
import { categoriesIn, numbersIn } from './drift-columns.ts'

/** Tests that there are: of numbers, of text, and of embeddings. */
export const driftTests = ['ks', 'cvm', 'wasserstein', 'psi', 'chi-square', 'mmd', 'knn'] as const

/** A test of a window against the reference. */
export type DriftTest = (typeof driftTests)[number]

/** How windows are tested. */
export interface WindowTestOptions {
  /** Those that are made, where a column is of their kind. */
  readonly tests: readonly DriftTest[]
  /** For how many tests are made at a time. */
  readonly correction: Correction
  /** What is adjusted has to be below it. */
  readonly alpha: number
  /** Of the tests that have no other p-value. */
  readonly permutations: number
  /** Of the permutations. */
  readonly seed: number
}

/** The rows of a window, numbered from 0, and how far each with an embedding is from the reference. */
export interface DriftWindow {
  /** Its number. */
  readonly window: number
  /** Its rows, with the columns of the reference. */
  readonly rows: RecordBatch
  /** Mean distances to the nearest of the reference; NaN without embedding. */
  readonly distances: Float64Array
}

/** What a test says of a window; null where a sample has too few values for it. */
export interface WindowTest {
  /** Name of the column. */
  readonly column: string
  /** Which test. */
  readonly test: DriftTest
  /** Values of the window that were compared. */
  readonly values: number
  /** How far apart the samples are. */
  readonly statistic: number | null
  /** By the test alone. */
  readonly p: number | null
  /** Adjusted for all tests of the window. */
  readonly adjusted: number | null
  /** Whether it is below the level. */
  readonly drifted: boolean | null
}

/** Makes all tests of a window, one after another; timers and I/O have a turn in between. */
export async function windowTests(
  reference: DriftReference,
  window: DriftWindow,
  options: WindowTestOptions,
): Promise<WindowTest[]> {
  const wanted = [...comparisons(reference, window)].filter(({ test }) =>
    options.tests.includes(test),
  )
  const made: (Omit<Comparison, 'compare'> & { result: TwoSampleResult | undefined })[] = []
  for (const [i, { compare, ...about }] of wanted.entries()) {
    await setImmediate()
    const random = new Random(options.seed, 4096 * window.window + i)
    made.push({ ...about, result: compare?.({ permutations: options.permutations, random }) })
  }
  const known = made.flatMap(({ result }) => result?.pValue ?? [])
  const adjusted = adjustedP(known, options.correction)
  return made.map(({ result, ...about }) => {
    if (!result) return { ...about, statistic: null, p: null, adjusted: null, drifted: null }
    const { statistic, pValue: p } = result
    const own = adjusted.shift() as number
    return { ...about, statistic, p, adjusted: own, drifted: own < options.alpha }
  })
}

/** A test that may be made; without `compare` there are too few values. */
interface Comparison {
  readonly column: string
  readonly test: DriftTest
  readonly values: number
  readonly compare: ((permuting: Permuting) => TwoSampleResult) | undefined
}

function* comparisons(reference: DriftReference, window: DriftWindow): Generator<Comparison> {
  for (const [column, x] of reference.numbers) {
    const y = numbersIn(window.rows, column)
    const enough = x.length > 0 && y.length > 0
    const compared = {
      ks: () => kolmogorovSmirnov(x, y),
      cvm: () => cramerVonMises(x, y),
      wasserstein: (permuting: Permuting) => wasserstein(x, y, permuting),
      psi: () => populationStability(x, y),
    }
    for (const test of ['ks', 'cvm', 'wasserstein', 'psi'] as const)
      yield { column, test, values: y.length, compare: enough ? compared[test] : undefined }
  }
  for (const [column, x] of reference.categories) {
    const y = categoriesIn(window.rows, column)
    const values = window.rows.numRows
    const enough = x.size > 0 && values > 0
    yield {
      column,
      test: 'chi-square',
      values,
      compare: enough ? () => chiSquare(x, y) : undefined,
    }
  }
  yield* embeddingTests(reference, window)
}

function* embeddingTests(
  { embedding }: DriftReference,
  { rows, distances }: DriftWindow,
): Generator<Comparison> {
  if (!embedding) return
  const { column, sigma } = embedding
  const { matrix } = presentRows(rows, column, 0)
  const [x, y] = [evenly(embedding.reference, kernelRows), evenly(matrix, kernelRows)]
  yield {
    ...{ column, test: 'mmd', values: y.rows },
    compare:
      x.rows > 1 && y.rows > 1
        ? (permuting) => meanDiscrepancy(x, y, { sigma, ...permuting })
        : undefined,
  }
  const far = distances.filter((distance) => !Number.isNaN(distance)).sort()
  yield {
    ...{ column, test: 'knn', values: far.length },
    compare:
      embedding.distances.length > 0 && far.length > 0
        ? () => mannWhitneyGreater(embedding.distances, far)
        : undefined,
  }
}
