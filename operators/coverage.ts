import { Bool, Field, Float64, type RecordBatch, type Schema, vectorFromArray } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { batchOf } from '../src/batch/batch.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { tensorShape } from '../src/batch/tensor.ts'
import { OptionError } from '../src/errors.ts'
import { flowOf } from '../src/flow/flow.ts'
import { logGamma } from '../src/models/two-sample/gamma-tail.ts'
import { nearestRows } from '../src/neighbors/neighbor-search.ts'
import { requireUnitInterval } from '../src/neighbors/unit-interval.ts'
import {
  knownOptions,
  nonEmptyString,
  numberBetween,
  oneOf,
  positiveInteger,
} from '../src/options.ts'
import type { BiasProfile } from '../src/statistics/factors.ts'
import { operateTable } from '../src/table/column-store.ts'

/** Options of {@link coverage}. */
export interface CoverageOptions {
  /**
   * Column of embeddings.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * Which nearest other row has to be near.
   *
   * @default 20
   */
  readonly k?: number
  /**
   * How near: `adaptive` leaves the `share` of rows uncovered whose neighbours are farthest, `naive` those whose neighbours are farther than they would be
   * in evenly filled space; its embeddings have to lie in 0 to 1.
   *
   * @default 'adaptive'
   */
  readonly radius?: 'adaptive' | 'naive'
  /**
   * Share of rows that `adaptive` leaves uncovered, rounded down.
   *
   * @default 0.01
   */
  readonly share?: number
  /**
   * Whether `adaptive` leaves at least one row uncovered, as DataEval does since version 1, or may leave none, as in 0.65.
   *
   * @default 'dataeval-1'
   */
  readonly profile?: BiasProfile
}

/** Rows of a batch that comes out. */
const batchRows = 4096

const fields = [
  new Field('coverage_radius', new Float64(), true),
  new Field('uncovered', new Bool(), true),
]

/**
 * Finds rows with few others around them, by their embeddings: places of which a model sees little.
 *
 * - Rows: n to n, in input order, when the input has ended.
 * - Columns: `id`, `embedding` (tensor) → `coverage_radius` (Float64: the Euclidean distance of the `k`-th nearest other row) and `uncovered` (Bool: whether it is too large).
 * - `naive` takes as too large a radius above (2 k Γ(d / 2 + 1) / n)^(1 / d) / √π of n embeddings of d values; in many dimensions nearly nothing is.
 * - Ties: of rows as far, the earlier is uncovered first.
 * - Nulls: a row without embedding is nobody's neighbour and gets nulls, and so do all where there are no `k` others.
 * - State: blocks of embeddings (192 MiB, less if the run's memory asks for it), 12 bytes per row and neighbour, the ids.
 * - Every row is held against every other: the time grows with the square of the rows.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong; when applied, if the flow never ends
 * @throws {SchemaError} if a column is missing, or no tensor
 * @throws {DataError} on the stream, if a value is not finite, or for `naive` outside of 0 to 1
 * @see J. Li et al., Data coverage for detecting representation bias in image datasets (2022), for the two radii
 * @example
 * flow.pipe(coverage()) // => { id: 'a.png', coverage_radius: 14.2, uncovered: true, … }
 */
export function coverage(options: CoverageOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  const checked = checkedOptions(options)
  const { column, k } = checked

  function lengthIn(input: Schema): number {
    requireField(input, 'id', { owner: 'coverage', kind: 'text' })
    const field = requireField(input, column, { owner: 'coverage', kind: 'tensor' })
    return tensorShape(field).reduce((a, b) => a * b, 1)
  }

  return (source) => {
    const input = flowOf(source)
    if (!input.bounded)
      throw new OptionError('Expected a bounded flow for coverage, got an unbounded one')
    return operateTable({
      name: 'coverage',
      reads: [column],
      settings: checked,
      schema(before) {
        lengthIn(before)
        return schemaWith(before, fields)
      },
      // A block, the kernel's copy of it, and the rows that it is compared with.
      memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
      holds: `the ids, ${String(12 * k)} bytes per row for its neighbours`,
      async *run(table, _context, memoryBytes) {
        if (checked.radius === 'naive') await requireUnitInterval(table, column)
        const search = { column, k, metric: 'euclidean' as const }
        const found = await nearestRows(table, search, memoryBytes / 3)
        const radii = found.distances.filter((_, at) => at % k === k - 1)
        const uncovered = uncoveredOf(radii, { ...checked, length: lengthIn(table.schema) })
        yield* answers(radii, uncovered, { places: found.places, numRows: table.numRows })
      },
    })(input)
  }
}

function checkedOptions(options: CoverageOptions) {
  knownOptions('coverage', options, ['column', 'k', 'radius', 'share', 'profile'])
  const radius = oneOf('radius', options.radius ?? 'adaptive', ['adaptive', 'naive'])
  if (radius === 'naive' && options.share !== undefined)
    throw new OptionError('Expected no option `share` beside the naive radius, which has none')
  return {
    radius,
    column: nonEmptyString('column', options.column ?? 'embedding'),
    k: positiveInteger('k', options.k ?? 20),
    share: numberBetween('share', options.share ?? 0.01, 0, 1),
    profile: oneOf('profile', options.profile ?? 'dataeval-1', ['dataeval-1', 'dataeval-0.65']),
  }
}

/** Which rows are uncovered, by their radii. */
function uncoveredOf(
  radii: Float64Array,
  { k, radius, share, profile, length }: ReturnType<typeof checkedOptions> & { length: number },
): (row: number) => boolean {
  const rows = radii.length
  if (radius === 'naive') {
    const log = (Math.log(2 * k) + logGamma(length / 2 + 1) - Math.log(rows)) / length
    const limit = Math.exp(log) / Math.sqrt(Math.PI)
    return (row) => (radii[row] as number) > limit
  }
  const least = profile === 'dataeval-1' ? 1 : 0
  const order = [...radii.keys()].sort((a, b) => (radii[b] as number) - (radii[a] as number))
  const taken = new Set(order.slice(0, Math.max(least, Math.floor(rows * share))))
  return (row) => taken.has(row)
}

function* answers(
  radii: Float64Array,
  uncovered: (row: number) => boolean,
  { places, numRows }: { readonly places: Int32Array; readonly numRows: number },
): Generator<RecordBatch> {
  let at = 0
  for (let from = 0; from < numRows; from += batchRows) {
    const length = Math.min(batchRows, numRows - from)
    const distances = new Array<number | null>(length).fill(null)
    const flags = new Array<boolean | null>(length).fill(null)
    for (; at < places.length && (places[at] as number) < from + length; at++) {
      if (radii[at] === Infinity) continue
      distances[(places[at] as number) - from] = radii[at] as number
      flags[(places[at] as number) - from] = uncovered(at)
    }
    const values = [distances, flags]
    yield batchOf(
      fields.map((field, i) => ({ field, vector: vectorFromArray(values[i] ?? [], field.type) })),
    )
  }
}
