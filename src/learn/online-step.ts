import { Field, Int64, type RecordBatch, type Schema } from 'apache-arrow'
import { withColumns } from '../batch/batch.ts'
import { decodeBatch, encodeBatch } from '../batch/ipc.ts'
import type { LearnedSpec } from './learned-spec.ts'
import type { Matrix, Model, ModelState } from '../models/model.ts'
import type { Step } from '../flow/operate.ts'
import { rowsOf, scoreColumns, validRows } from './row-scores.ts'
import { RowWindow } from './row-window.ts'
import { WindowScorer } from './window-scorer.ts'

/** How a model learns online. */
export interface OnlineOptions<M> {
  /** Rows learned at a time. */
  readonly windowRows: number
  /** Rows of the first fit. */
  readonly warmupRows: number
  /** For whatever is random. */
  readonly seed: number
  /** Aborted when nobody reads any more. */
  readonly signal: AbortSignal
  /** The fields of the scores; throws where the column does not fit. */
  readonly fields: (schema: Schema) => readonly Field[]
  /** The shape of a row's tensor. */
  readonly shape: (schema: Schema) => readonly number[]
  /** Called when all rows are learned. */
  readonly done: (model: M) => void | Promise<void>
}

/** Rows that the model had learned when it scored a row. */
export function versionField(into: string): Field<Int64> {
  return new Field(`${into}_model_rows`, new Int64(), true)
}

interface OnlineState {
  readonly position: number
  readonly model: ModelState | undefined
  readonly held: readonly Uint8Array[]
  readonly window: Matrix | undefined
}

/**
 * Fits a model on the first rows, then scores each row with the model as it was before the row's
 * window, and learns each window when it is full. Rows are counted without nulls.
 *
 * Holds the batches of the warm-up, and afterwards the values of one window.
 */
export class OnlineStep<M extends Model<unknown>> implements Step<
  RecordBatch,
  RecordBatch,
  OnlineState
> {
  readonly #spec: LearnedSpec<M>
  readonly #options: OnlineOptions<M>
  readonly #version: Field
  readonly #scorer: WindowScorer<M>
  readonly #warmup: RowWindow
  readonly #window: RowWindow
  #held: RecordBatch[] = []
  #model: M | undefined

  constructor(spec: LearnedSpec<M>, options: OnlineOptions<M>) {
    this.#spec = spec
    this.#options = options
    this.#version = versionField(spec.into)
    this.#scorer = new WindowScorer(spec, options.windowRows)
    this.#warmup = new RowWindow(options.warmupRows)
    this.#window = new RowWindow(options.windowRows)
  }

  /** Scores a batch, or holds it until the warm-up is complete. */
  async *next(batch: RecordBatch): AsyncGenerator<RecordBatch> {
    if (this.#model) {
      yield* this.#take(batch, this.#model)
      return
    }
    this.#hold(batch)
    if (this.#warmup.full) yield* this.#begin({ goesOn: true })
  }

  /** Fits on what there is if the warm-up was not complete; learns the window that was not full. */
  async *flush(): AsyncGenerator<RecordBatch> {
    if (!this.#model) yield* this.#begin({ goesOn: false })
    const model = this.#model
    if (!model) return
    const rest = this.#window.take()
    if (rest) await model.learnOnline(rest)
    await this.#options.done(model)
  }

  /** The model, and the rows that it has not learned. */
  snapshot(): OnlineState {
    return {
      position: this.#scorer.position,
      model: this.#model?.state(),
      held: this.#held.map(encodeBatch),
      window: this.#window.rows,
    }
  }

  /** Goes on from a snapshot. */
  restore(state: unknown): void {
    const { position, model, held, window } = state as OnlineState
    this.#scorer.position = position
    if (model) this.#model = this.#spec.fromState(model)
    if (window) this.#window.push(window)
    for (const batch of held) this.#hold(decodeBatch(batch))
  }

  #hold(batch: RecordBatch): void {
    this.#held.push(batch)
    this.#warmup.push(validRows(batch, this.#spec.column, this.#spec.by).matrix)
  }

  async *#begin({ goesOn }: { goesOn: boolean }): AsyncGenerator<RecordBatch> {
    const held = this.#held
    this.#held = []
    const first = this.#warmup.take()
    const [batch] = held
    if (first && batch) {
      const { seed, shape, signal } = this.#options
      const model = this.#spec.make({ ...first, shape: shape(batch.schema), seed, signal })
      do {
        await model.begin()
        await model.learn(first)
      } while (await model.end())
      if (goesOn) model.beginOnline?.()
      this.#model = model
    }
    for (const batch of held)
      if (this.#model) yield* this.#take(batch, this.#model)
      else yield this.#scored(batch, undefined, { rows: new Int32Array(), version: 0 })
  }

  async *#take(batch: RecordBatch, model: M): AsyncGenerator<RecordBatch> {
    const { matrix, rows } = validRows(batch, this.#spec.column, this.#spec.by)
    let at = 0
    let from = 0
    do {
      const count = Math.min(this.#untilCut(), matrix.rows - at)
      const end = at + count
      const to = end === matrix.rows ? batch.numRows : (rows?.[end] ?? end)
      const part = rowsOf(matrix, at, end)
      const version = model.rowsSeen
      const learn = this.#scorer.position >= this.#options.warmupRows
      const scores = await this.#scorer.score(model, part)
      const own = rows?.subarray(at, end).map((row) => row - from)
      const slice = from === 0 && to === batch.numRows ? batch : batch.slice(from, to)
      yield this.#scored(slice, scores, { rows: own, version })
      if (learn) this.#window.push(part)
      if (this.#window.full) await model.learnOnline(this.#window.take() as Matrix)
      at = end
      from = to
    } while (at < matrix.rows)
  }

  /** Rows until the model changes or learning starts. */
  #untilCut(): number {
    const left = this.#options.warmupRows - this.#scorer.position
    return left > 0 ? left : this.#window.room
  }

  #scored(
    batch: RecordBatch,
    scores: Awaited<ReturnType<WindowScorer<M>['score']>>,
    { rows, version }: { rows: Int32Array | undefined; version: number },
  ): RecordBatch {
    const fields = [...this.#options.fields(batch.schema), this.#version]
    const count = rows?.length ?? batch.numRows
    const versions = new BigInt64Array(count).fill(BigInt(version))
    const all = scores && [...scores, versions]
    const { partial } = this.#spec
    const { numRows } = batch
    return withColumns(batch, scoreColumns(fields, all, { rows, numRows, partial }))
  }
}
