import type { Field, FixedSizeList, RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { withColumns } from '../src/batch/batch.ts'
import { heavy, isHeavy, schemaWith } from '../src/batch/schema.ts'
import { computedType, fixedShapeTensor, requireTensor, tensorShape } from '../src/batch/tensor.ts'
import { OptionError, SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { type Scale, standardized } from '../src/kernels/channel-moments.ts'
import { learned, learnedOptionNames, type LearnedOptions } from '../src/learn/learned.ts'
import { scoreColumns, validRows } from '../src/learn/row-scores.ts'
import { Standardizer } from '../src/models/standardizer.ts'
import {
  knownOptions,
  nonEmptyString,
  oneOf,
  oneOrMoreNumbers,
  wholeNumber,
} from '../src/options.ts'

/** Options of {@link normalize}. */
export interface NormalizeOptions extends LearnedOptions<Standardizer> {
  /**
   * The tensor column.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * The column that is made.
   *
   * @default that of `column`, which is replaced
   */
  readonly into?: string
  /** What is taken off: one number, or one for each channel. Given together with `std`; then nothing is learned. */
  readonly mean?: number | readonly number[]
  /** What is divided by, above 0: one number, or one for each channel. */
  readonly std?: number | readonly number[]
  /**
   * What has a mean and a standard deviation of its own where they are learned.
   *
   * @default 'channel'
   */
  readonly per?: 'channel' | 'element'
  /**
   * The axis of the channels, from 0.
   *
   * @default the last: of pixels, height × width × channels; of a vector its only one
   */
  readonly axis?: number
}

/**
 * Brings tensors to mean 0 and standard deviation 1: (x − mean) / std, by numbers that are given, or learned.
 *
 * - Rows: n to n, in input order. Learned in mode `fit`, the first comes out after the last came in.
 * - Columns: `column` (tensors of float32, float64 or uint8, such as pixels of one size) → `into`, of the same shape,
 *   uint8 as float32; `online` adds `<into>_model_rows` (Int64), the rows that the model had learned.
 * - Nulls: stay, and are not learned.
 * - A channel that is constant is centred and divided by 1.
 * - State: none with numbers; `fit` keeps the rows on disk; `online` holds `warmupRows` rows, then `windowRows`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range, or numbers are given beside what is learned
 * @throws {SchemaError} at `schema()`, if `column` is no such tensor, has no such axis, or other channels than there are numbers
 * @throws {DataError} on the stream, if a value that is learned is not finite, or a saved model is damaged
 * @see Standardizer in src/models/standardizer.ts for the mathematics
 * @example
 * resized$.pipe(normalize({ column: 'pixels', mean: 127.5, std: 127.5 })) // 0 … 255 => -1 … 1
 */
export function normalize(options: NormalizeOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  const own = ['column', 'into', 'mean', 'std', 'per', 'axis']
  knownOptions('normalize', options, [...own, ...learnedOptionNames])
  const column = nonEmptyString('column', options.column ?? 'embedding')
  const into = nonEmptyString('into', options.into ?? column)
  const per = oneOf('per', options.per ?? 'channel', ['channel', 'element'])
  const axis = options.axis === undefined ? undefined : wholeNumber('axis', options.axis)
  const numbers = givenNumbers(options)

  if (numbers) return byNumbers({ column, into, axis, ...numbers })
  return learned<Standardizer>(
    {
      name: 'normalize',
      column,
      into,
      kind: 'standardizer',
      make: ({ columns, shape }) =>
        new Standardizer({ columns, ...(per === 'channel' && channelsOf(shape, column, axis)) }),
      fromState: (state) => Standardizer.fromState(state),
      width: (model) => model.columns,
      fields(input) {
        channelsOf(tensorShape(input), column, axis)
        return [fieldLike(input, into)]
      },
      score: async (model, rows) => [(await model.apply(rows)).values],
      rowByRow: true,
      settings: { column, into, per, ...(axis !== undefined && { axis }) },
    },
    options,
  )
}

/** What is normalized, and by which numbers. */
interface ByNumbers {
  readonly column: string
  readonly into: string
  readonly axis: number | undefined
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

function givenNumbers(options: NormalizeOptions): Pick<ByNumbers, 'mean' | 'std'> | undefined {
  if (options.mean === undefined && options.std === undefined) return undefined
  const other = (['per', ...learnedOptionNames] as const).find((name) => name in options)
  if (other !== undefined)
    throw new OptionError(
      `Expected no option \`${other}\` beside \`mean\` and \`std\`, which learn nothing`,
    )
  return {
    mean: oneOrMoreNumbers('mean', options.mean),
    std: oneOrMoreNumbers('std', options.std, 0),
  }
}

function byNumbers(numbers: ByNumbers): MonoTypeOperatorFunction<RecordBatch> {
  const { column, into, axis, mean, std } = numbers
  return operate<RecordBatch, RecordBatch>({
    name: 'normalize',
    reads: [column],
    schema(input) {
      const field = requireTensor(input, column, 'normalize')
      scaleFor(numbers, field)
      return schemaWith(input, [fieldLike(field, into)])
    },
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const field = requireTensor(batch.schema, column, 'normalize')
        const { matrix, rows } = validRows(batch, column)
        const values = standardized(matrix.values, scaleFor(numbers, field))
        const made = { rows, numRows: batch.numRows }
        yield withColumns(batch, scoreColumns([fieldLike(field, into)], [values], made))
      },
    }),
    settings: { column, into, mean, std, ...(axis !== undefined && { axis }) },
  })
}

/** The field of the result: tensors of the same shape, carried as far as those of the input. */
function fieldLike(input: Field<FixedSizeList>, into: string): Field {
  const field = fixedShapeTensor(into, tensorShape(input), computedType(input))
  return isHeavy(input) ? heavy(field) : field
}

/** The channels of a tensor: how many, and how many values next to each other are of one. */
function channelsOf(
  shape: readonly number[],
  column: string,
  axis = shape.length - 1,
): { readonly channels: number; readonly inner: number } {
  const channels = shape[axis]
  if (channels !== undefined)
    return { channels, inner: shape.slice(axis + 1).reduce((a, b) => a * b, 1) }
  throw wrong(column, `a tensor with axis ${String(axis)}`, `shape [${shape.join(', ')}]`)
}

/** The numbers, one for each channel. */
function scaleFor({ column, axis, mean, std }: ByNumbers, field: Field): Scale {
  const { channels, inner } = channelsOf(tensorShape(field), column, axis)
  function each(list: readonly number[]): readonly number[] {
    if (list.length === 1) return Array<number>(channels).fill(list[0] as number)
    if (list.length === channels) return list
    throw wrong(column, `tensors of ${String(list.length)} channels`, String(channels))
  }
  return { mean: each(mean), deviation: each(std), inner }
}

function wrong(column: string, wanted: string, got: string): SchemaError {
  return new SchemaError(`Expected column \`${column}\` of normalize to be ${wanted}, got ${got}`, {
    column,
  })
}
