import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions } from '../src/options.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link grayscale}. */
export type GrayscaleOptions = PictureTaskOptions

/**
 * Takes the colours out of pictures: red, green and blue become the luma 0.299 R + 0.587 G + 0.114 B, rounded.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, of the same size, still with three channels, as models want them.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see ITU-R Recommendation BT.601, section 2.5.1
 * @example
 * decoded$.pipe(grayscale(), resize({ width: 224, height: 224 }), infer())
 */
export function grayscale(
  options: GrayscaleOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('grayscale', options, ['onError'])

  return pictureTask({ name: 'grayscale', options: {}, onError: options.onError })
}
