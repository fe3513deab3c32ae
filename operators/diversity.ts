import { Bool, Field, Float64, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { diversityIndex } from '../src/models/diversity-index.ts'
import { binned } from '../src/models/histogram-bins.ts'
import {
  columnList,
  knownOptions,
  nonEmptyString,
  oneOf,
  positiveInteger,
  trueOrFalse,
  wholeNumber,
} from '../src/options.ts'
import { operateFactors } from '../src/statistics/factor-table.ts'
import { type BiasProfile, classesOf, type Factor } from '../src/statistics/factors.ts'

/** Options of {@link diversity}. */
export interface DiversityOptions {
  /**
   * Text column of labels.
   *
   * @default 'label'
   */
  readonly label?: string
  /**
   * Columns of metadata, numbers or text.
   *
   * @default all numbers, and 'split' if it is there
   */
  readonly columns?: readonly string[]
  /**
   * Whether the rows of each label are looked at too.
   *
   * @default false
   */
  readonly classwise?: boolean
  /**
   * How Simpson's index is brought to 0 to 1: as DataEval does since version 1, or did in 0.65.
   *
   * @default 'dataeval-1'
   */
  readonly profile?: BiasProfile
  /**
   * Rows that are looked at, drawn at random where there are more.
   *
   * @default 50_000
   */
  readonly rows?: number
  /**
   * Seed of the draw.
   *
   * @default that of the run
   */
  readonly seed?: number
}

const names = ['label', 'columns', 'classwise', 'profile', 'rows', 'seed'] as const
/** Up to where a Simpson index is low. */
const lowest = 0.5

const schema = new Schema([
  new Field('column', new Utf8(), false),
  new Field('class', new Utf8(), true),
  new Field('rows', new Int32(), false),
  new Field('bins', new Int32(), false),
  new Field('simpson', new Float64(), false),
  new Field('shannon', new Float64(), false),
  new Field('low_diversity', new Bool(), false),
])

/**
 * Turns rows into a table of how evenly the label and each column of metadata are spread over their values.
 *
 * - Rows: the label, then each column, with `classwise` then each column among the rows of each label; when the input has ended.
 * - Columns: `label` (text) and those of metadata → `column`, `class` (null but for a single label), `rows` (Int32: those that have a value), `bins` (Int32), `simpson` and `shannon` (Float64: 0 all in one
 *   bin, 1 as many in each) and `low_diversity` (Bool: `simpson` is at most 0.5); the others are left out.
 * - Text, and numbers of which fewer than a fifth differ, have a bin for each value; other numbers bins of equal width. The bins of a label's rows are those of all.
 * - Nulls: a null, or a number that is not finite, is in no bin.
 * - State: up to twice `rows` rows of these columns. It is the state at a barrier.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if a named column is missing, or neither number nor text
 * @see diversityIndex in src/models/diversity-index.ts and binned in src/models/histogram-bins.ts for the mathematics
 * @example
 * flow.pipe(diversity({ columns: ['camera'] })) // => { column: 'camera', bins: 4, simpson: 0.31, low_diversity: true, … }
 */
export function diversity(
  options: DiversityOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const checked = checkedOptions(options)

  return operateFactors({
    name: 'diversity',
    settings: checked,
    schema,
    rowsOf: (label, factors) => rowsOf(label, factors, checked),
  })
}

function checkedOptions(options: DiversityOptions) {
  knownOptions('diversity', options, names)
  return {
    label: nonEmptyString('label', options.label ?? 'label'),
    columns: options.columns && columnList('columns', options.columns),
    classwise: trueOrFalse('classwise', options.classwise ?? false),
    profile: oneOf('profile', options.profile ?? 'dataeval-1', ['dataeval-1', 'dataeval-0.65']),
    rows: positiveInteger('rows', options.rows ?? 50_000),
    seed: options.seed === undefined ? undefined : wholeNumber('seed', options.seed),
  }
}

function* rowsOf(
  label: Factor,
  factors: readonly Factor[],
  { classwise, profile }: { readonly classwise: boolean; readonly profile: BiasProfile },
): Generator<unknown[]> {
  const older = profile === 'dataeval-0.65'
  const all = [label, ...factors].map((factor) => ({ factor, ...binsOf(factor) }))
  function row(
    { factor, places, bins }: (typeof all)[number],
    of: string | null,
    holds: (row: number) => boolean,
  ) {
    const values = places.filter((bin, i) => !Number.isNaN(bin) && holds(i))
    const { simpson, shannon } = diversityIndex(values, bins, { older })
    return [factor.name, of, values.length, bins, simpson, shannon, simpson <= lowest]
  }
  for (const each of all) yield row(each, null, () => true)
  if (!classwise) return
  for (const { of, factor } of classesOf(label))
    for (const each of all.slice(1)) yield row(each, of, (at) => factor.values[at] === 1)
}

/** The bin of each row, NaN where there is no value, and how many bins there are. */
function binsOf({ values, discrete }: Factor): { places: Float64Array; bins: number } {
  const present = values.filter((value) => !Number.isNaN(value))
  const known = new Map(
    [...new Set(present)].sort((a, b) => a - b).map((value, bin) => [value, bin]),
  )
  const { values: found, bins } = discrete
    ? { values: present.map((value) => known.get(value) as number), bins: known.size }
    : binned(present)
  let at = 0
  return {
    bins,
    places: values.map((value) => (Number.isNaN(value) ? value : (found[at++] as number))),
  }
}
