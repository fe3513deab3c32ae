import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, numberBetween } from '../src/options.ts'
import type { ContrastTaskOptions } from '../src/tasks/contrast.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link contrast}. */
export interface ContrastOptions extends PictureTaskOptions {
  /** From 0, which leaves one gray, over 1, which changes nothing, to 100. */
  readonly factor: number
}

/**
 * Changes the contrast of pictures: each value v becomes mean + factor · (v − mean), the mean being that of the
 * picture's own luma (Rec. 601), in whole numbers.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, of the same size; rounded to nearest and kept in 0 to 255.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html#PIL.ImageEnhance.Contrast
 * @example
 * decoded$.pipe(contrast({ factor: 1.5 }))
 */
export function contrast(options: ContrastOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('contrast', options, ['factor', 'onError'])
  const factor = numberBetween('factor', options.factor, 0, 100)

  return pictureTask({
    name: 'contrast',
    options: { factor } satisfies ContrastTaskOptions,
    onError: options.onError,
  })
}
