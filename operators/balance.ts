import { setImmediate } from 'node:timers/promises'
import { Bool, Field, Float64, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { Random } from '../src/kernels/random.ts'
import {
  columnList,
  knownOptions,
  nonEmptyString,
  oneOf,
  positiveInteger,
  trueOrFalse,
  wholeNumber,
} from '../src/options.ts'
import { factorBalance } from '../src/statistics/factor-balance.ts'
import { operateFactors } from '../src/statistics/factor-table.ts'
import { type BiasProfile, classesOf, type Factor } from '../src/statistics/factors.ts'

/** Options of {@link balance}. */
export interface BalanceOptions {
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
   * Whether each label is also held against all others.
   *
   * @default false
   */
  readonly classwise?: boolean
  /**
   * Which neighbour decides how wide a row looks, where a column is continuous.
   *
   * @default 5
   */
  readonly k?: number
  /**
   * How mutual information is brought to 0 to 1: as DataEval does since version 1, or did in 0.65.
   *
   * @default 'dataeval-1'
   */
  readonly profile?: BiasProfile
  /**
   * Rows that are looked at, drawn at random where there are more.
   *
   * @default 5_000
   */
  readonly rows?: number
  /**
   * Seed of the draw and of the noise that tells equal numbers apart.
   *
   * @default that of the run
   */
  readonly seed?: number
}

const names = ['label', 'columns', 'classwise', 'k', 'profile', 'rows', 'seed'] as const
/** From where on a column and the label, or two columns, say too much of each other. */
const limits = { label: 0.3, columns: 0.5 }

const schema = new Schema([
  new Field('column', new Utf8(), false),
  new Field('other', new Utf8(), false),
  new Field('class', new Utf8(), true),
  new Field('mutual_information', new Float64(), false),
  new Field('normalized', new Float64(), false),
  new Field('unbalanced', new Bool(), false),
])

/**
 * Turns rows into a table of how much each column of metadata says of the label, and of each other column: what a model could learn in place of what is on the pictures.
 *
 * - Rows: the label with each column, with `classwise` then each label against all others with each column, then each pair of columns; when the input has ended.
 * - Columns: `label` (text) and those of metadata → `column`, `other`, `class` (null but for a single label), `mutual_information` (Float64, nats), `normalized` (Float64, 0 to 1; with `dataeval-0.65` two numbers may be above) and
 *   `unbalanced` (Bool: `normalized` is above 0.3 for a label, above 0.5 for two columns); the others are left out.
 * - Text, and numbers of which fewer than a fifth differ, are categories; other numbers are continuous.
 * - Nulls: a row is left out of a pair where one of the two is null or not finite.
 * - State: up to twice `rows` rows of these columns. It is the state at a barrier. A pair of continuous columns takes about rows^1.5 operations.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if a named column is missing, or neither number nor text
 * @see mutualInformation in src/models/mutual-information.ts and factorBalance in src/statistics/factor-balance.ts for the mathematics
 * @example
 * flow.pipe(balance()) // => { column: 'label', other: 'width', normalized: 0.62, unbalanced: true, … }
 */
export function balance(options: BalanceOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  const checked = checkedOptions(options)

  return operateFactors({
    name: 'balance',
    settings: checked,
    schema,
    async *rowsOf(label, factors, { seed, signal }) {
      for (const [i, { a, b, of, limit }] of [...pairsOf(label, factors, checked)].entries()) {
        if (signal.aborted) return
        await setImmediate()
        const options = { ...checked, random: new Random(seed, i) }
        const { mutualInformation, normalized } = factorBalance(a, b, options)
        yield [a.name, b.name, of, mutualInformation, normalized, normalized > limit]
      }
    },
  })
}

function checkedOptions(options: BalanceOptions) {
  knownOptions('balance', options, names)
  return {
    label: nonEmptyString('label', options.label ?? 'label'),
    columns: options.columns && columnList('columns', options.columns),
    classwise: trueOrFalse('classwise', options.classwise ?? false),
    k: positiveInteger('k', options.k ?? 5),
    profile: oneOf('profile', options.profile ?? 'dataeval-1', ['dataeval-1', 'dataeval-0.65']),
    rows: positiveInteger('rows', options.rows ?? 5_000),
    seed: options.seed === undefined ? undefined : wholeNumber('seed', options.seed),
  }
}

/** Two factors that are compared; `of` is the label that is held against all others. */
interface Pair {
  readonly a: Factor
  readonly b: Factor
  readonly of: string | null
  readonly limit: number
}

function* pairsOf(
  label: Factor,
  factors: readonly Factor[],
  { classwise }: { readonly classwise: boolean },
): Generator<Pair> {
  for (const b of factors) yield { a: label, b, of: null, limit: limits.label }
  if (classwise)
    for (const { of, factor } of classesOf(label))
      for (const b of factors) yield { a: factor, b, of, limit: limits.label }
  for (const [i, a] of factors.entries())
    for (const b of factors.slice(i + 1)) yield { a, b, of: null, limit: limits.columns }
}
