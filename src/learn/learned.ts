import type { Field, FixedSizeList, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf, withColumns } from '../batch/batch.ts'
import { operateTable } from '../table/column-store.ts'
import type { Context } from '../flow/context.ts'
import { OptionError, SchemaError } from '../errors.ts'
import { flowOf } from '../flow/flow.ts'
import type { LearnedOptions, LearnedSpec } from './learned-spec.ts'
import type { Matrix, Model } from '../models/model.ts'
import { restoredModel } from '../models/save.ts'
import { OnlineStep, versionField } from './online-step.ts'
import { saveAtEnd } from './save-at-end.ts'
import { operate } from '../flow/operate.ts'
import { localPath, nonEmptyString, oneOf, positiveInteger, wholeNumber } from '../options.ts'
import { scoreColumns, validRows } from './row-scores.ts'
import { requireField, schemaWith } from '../batch/schema.ts'
import { requireTensor, tensorShape } from '../batch/tensor.ts'
import { WindowScorer } from './window-scorer.ts'

export { type LearnedOptions, learnedOptionNames, type LearnedSpec } from './learned-spec.ts'

/**
 * Makes the operator of a model, in its three modes.
 *
 * - Rows: n to n, in input order. Nulls: a null is not learned, and its scores are null.
 * - What comes out does not depend on the batches: windows and blocks are counted over rows, and
 *   each is computed in the same shape.
 *
 * @throws {OptionError} at the call, if an option is out of range, or when it is applied, if `fit` would never end
 */
export function learned<M extends Model<unknown>>(
  spec: LearnedSpec<M>,
  options: LearnedOptions<M>,
): OperatorFunction<RecordBatch, RecordBatch> {
  const checked = checkedOptions(options)
  return (source) => {
    const input = flowOf(source)
    if (checked.model !== undefined) return frozen(spec, checked, checked.model)(input)
    const mode = checked.mode ?? (input.bounded ? 'fit' : 'online')
    if (mode === 'online') return online(spec, checked)(input)
    if (input.bounded) return fit(spec, checked)(input)
    throw new OptionError(
      `Expected a bounded flow for ${spec.name} in mode 'fit', got an unbounded one`,
    )
  }
}

/** Options of a learned operator, checked. */
export type Checked<M> = LearnedOptions<M> & {
  readonly windowRows: number
  readonly warmupRows: number
}

/**
 * The options that every learned operator has, checked.
 *
 * @throws {OptionError} if one is out of range, or what learns is given beside `model`
 */
export function checkedOptions<M>(options: LearnedOptions<M>): Checked<M> {
  const { mode, model, save, seed } = options
  if (mode !== undefined) oneOf('mode', mode, ['fit', 'online'])
  if (typeof model === 'string') nonEmptyString('model', model)
  if (save !== undefined) localPath('save', save)
  if (seed !== undefined) wholeNumber('seed', seed)
  const learns = (['mode', 'save', 'onModel'] as const).find((name) => options[name] !== undefined)
  if (model !== undefined && learns)
    throw new OptionError(`Expected no option \`${learns}\` beside \`model\`, which learns nothing`)
  return {
    ...options,
    windowRows: positiveInteger('windowRows', options.windowRows ?? 256),
    warmupRows: positiveInteger('warmupRows', options.warmupRows ?? 256),
  }
}

function fit<M extends Model<unknown>>(
  spec: LearnedSpec<M>,
  options: Checked<M>,
): OperatorFunction<RecordBatch, RecordBatch> {
  const { name, column, by, partial, settings } = spec
  const read = by === undefined ? [column] : [column, by]
  return operateTable({
    name,
    reads: read,
    saves: options.save,
    settings: { ...settings, mode: 'fit', ...chosen(options) },
    schema: (input) => schemaWith(input, spec.fields(inputField(spec, input), undefined)),
    async *run(table, context) {
      const field = inputField(spec, table.schema)
      const fields = spec.fields(field, undefined)
      const model = spec.make({
        columns: field.type.listSize,
        shape: tensorShape(field),
        rows: table.numRows,
        seed: seedOf(options, context),
        signal: context.signal,
      })
      if (await fitted(model, () => rowsIn(table.read(read), spec)))
        await handOut(model, options, context)
      for await (const batch of table.read(read)) {
        const { matrix, rows } = validRows(batch, column, by)
        const scores = matrix.rows > 0 ? await spec.score(model, matrix) : undefined
        yield batchOf(scoreColumns(fields, scores, { rows, numRows: batch.numRows, partial }))
      }
    },
  })
}

/** Fits in as many passes as the model needs; false if there is no row but nulls. */
async function fitted(model: Model<unknown>, rows: () => AsyncIterable<Matrix>): Promise<boolean> {
  for (let again = true; again;) {
    let seen = 0
    await model.begin()
    for await (const matrix of rows()) {
      seen += matrix.rows
      if (matrix.rows > 0) await model.learn(matrix)
    }
    if (seen === 0) return false
    again = await model.end()
  }
  return true
}

function online<M extends Model<unknown>>(
  spec: LearnedSpec<M>,
  options: Checked<M>,
): OperatorFunction<RecordBatch, RecordBatch> {
  const { windowRows, warmupRows } = options
  const version = versionField(spec.into)
  return operate<RecordBatch, RecordBatch>({
    name: spec.name,
    reads: [spec.column],
    learns: true,
    saves: options.save,
    holds: `its model; ${String(warmupRows)} rows until it is fitted, then the values of ${String(windowRows)}`,
    settings: { ...spec.settings, mode: 'online', windowRows, warmupRows, ...chosen(options) },
    schema: (input) =>
      schemaWith(input, [...spec.fields(inputField(spec, input), undefined), version]),
    start: (context) =>
      new OnlineStep(spec, {
        windowRows,
        warmupRows,
        seed: seedOf(options, context),
        signal: context.signal,
        fields: (schema) => spec.fields(inputField(spec, schema), undefined),
        shape: (schema) => tensorShape(inputField(spec, schema)),
        done: (model) => handOut(model, options, context),
      }),
  })
}

function frozen<M extends Model<unknown>>(
  spec: LearnedSpec<M>,
  { windowRows }: Checked<M>,
  given: M | string,
): OperatorFunction<RecordBatch, RecordBatch> {
  let loading: Promise<M> | undefined
  async function load(): Promise<M> {
    if (typeof given !== 'string') return given
    return (loading ??= restoredModel(given, spec.kind, spec.fromState))
  }
  async function checked(input: Schema): Promise<{ model: M; fields: readonly Field[] }> {
    const field = inputField(spec, input)
    const model = await load()
    const { listSize } = field.type
    if (spec.width(model) === listSize) return { model, fields: spec.fields(field, model) }
    throw new SchemaError(
      `Expected column \`${spec.column}\` of ${spec.name} to have ${String(spec.width(model))} values as its model does, got ${String(listSize)}`,
      { column: spec.column },
    )
  }
  return operate<RecordBatch, RecordBatch>({
    name: spec.name,
    reads: [spec.column],
    holds: 'its model',
    settings: {
      ...spec.settings,
      mode: 'frozen',
      ...(typeof given === 'string' && { model: given }),
    },
    schema: async (input) => schemaWith(input, (await checked(input)).fields),
    start: () => {
      const scorer = new WindowScorer(spec, windowRows)
      return {
        async *next(batch) {
          const { model, fields } = await checked(batch.schema)
          const { matrix, rows } = validRows(batch, spec.column, spec.by)
          const scores = await scorer.score(model, matrix)
          const { numRows } = batch
          const { partial } = spec
          yield withColumns(batch, scoreColumns(fields, scores, { rows, numRows, partial }))
        },
        snapshot: () => scorer.position,
        restore: (position: unknown) => {
          scorer.position = position as number
        },
      }
    },
  })
}

/** The rows of batches that are not null. */
async function* rowsIn<M extends Model<unknown>>(
  batches: AsyncIterable<RecordBatch>,
  { column, by }: LearnedSpec<M>,
): AsyncGenerator<Matrix> {
  for await (const batch of batches) yield validRows(batch, column, by).matrix
}

/** The field of the column that is learned: tensors of numbers. The one that groups the rows is text. */
function inputField<M extends Model<unknown>>(
  { name, column, by }: LearnedSpec<M>,
  schema: Schema,
): Field<FixedSizeList> {
  if (by !== undefined) requireField(schema, by, { owner: name, kind: 'text' })
  return requireTensor(schema, column, name)
}

/** What else decides what comes out. */
function chosen<M>({ seed, save }: LearnedOptions<M>): Pick<LearnedOptions<M>, 'seed' | 'save'> {
  return { ...(seed !== undefined && { seed }), ...(save !== undefined && { save }) }
}

function seedOf<M>({ seed }: LearnedOptions<M>, { run }: Context): number {
  return seed ?? run?.seed ?? 0
}

/** Saves the model and hands it to the caller, as far as the options say so. */
export async function handOut<M extends Pick<Model<unknown>, 'state'>>(
  model: M,
  { save, onModel }: LearnedOptions<M>,
  { run }: Context,
): Promise<void> {
  if (save !== undefined) await saveAtEnd(save, model.state(), run)
  onModel?.(model)
}
