import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, numberBetween, oneOf } from '../src/options.ts'
import type { GammaTaskOptions } from '../src/tasks/gamma.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link gamma}. */
export interface GammaOptions extends PictureTaskOptions {
  /** The exponent, from .01 to 100: below 1 lightens, above 1 darkens, 1 changes nothing. */
  readonly gamma: number
  /**
   * How values become whole; `floor` darkens by half a step on average.
   *
   * @default 'nearest'
   */
  readonly rounding?: 'nearest' | 'floor'
}

/**
 * Lightens or darkens the middle tones of pictures: each value v becomes 255 · (v / 255)^gamma.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, of the same size.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see https://en.wikipedia.org/wiki/Gamma_correction
 * @example
 * decoded$.pipe(gamma({ gamma: 0.5 })) // 100 => 160
 */
export function gamma(options: GammaOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('gamma', options, ['gamma', 'rounding', 'onError'])
  const exponent = numberBetween('gamma', options.gamma, 0.01, 100)
  const rounding = oneOf('rounding', options.rounding ?? 'nearest', ['nearest', 'floor'])

  return pictureTask({
    name: 'gamma',
    options: { gamma: exponent, rounding } satisfies GammaTaskOptions,
    onError: options.onError,
  })
}
