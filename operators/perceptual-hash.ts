import { Binary, Field, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions } from '../src/options.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link perceptualHash}. */
export type PerceptualHashOptions = PictureTaskOptions

/**
 * Hashes pictures so that those that look alike have hashes of which few bits differ.
 *
 * - Rows: n to n; order kept.
 * - Columns: `pixels` → `phash` (Binary, 8 bytes), null for a picture that is nearly constant.
 * - Hashes compare only when made in the same place: right after `decode`, or after the same `resize`.
 * - Nulls: a row without pixels is at fault (`MISSING`).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see src/kernels/perceptual-hash.ts for the hash itself
 * @example
 * decoded$.pipe(resize({ width: 224, height: 224 }), perceptualHash()) // adds `phash`: 8 bytes
 */
export function perceptualHash(
  options: PerceptualHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('perceptualHash', options, ['onError'])

  return pictureTask({
    name: 'perceptualHash',
    task: 'perceptual-hash',
    options: {},
    makes: ['phash'],
    fields: () => [new Field('phash', new Binary(), true)],
    onError: options.onError,
  })
}
