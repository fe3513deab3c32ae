import { Binary, Field, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, oneOf } from '../src/options.ts'
import { checkedPixels } from '../src/pictures/pixels.ts'
import { type OnError, onErrorChoices, rowTask } from '../src/tasks/row-tasks.ts'
import { requireField } from '../src/batch/schema.ts'

/** Options of {@link perceptualHash}. */
export interface PerceptualHashOptions {
  /**
   * What becomes of a row without pixels.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/**
 * Hashes pictures so that those that look alike have hashes of which few bits differ.
 *
 * - Rows: n to n; order kept.
 * - Columns: `pixels` → `phash` (Binary, 8 bytes), null for a picture that is nearly constant.
 * - Hashes compare only when made in the same place: right after `decode`, or after the same `resize`.
 * - Nulls: a row without pixels is at fault (`MISSING`).
 * - Concurrency: see {@link rowTask}.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see src/kernels/perceptual-hash.ts for the hash itself
 */
export function perceptualHash(
  options: PerceptualHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('perceptualHash', options, ['onError'])
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)

  return rowTask({
    name: 'perceptualHash',
    task: 'perceptual-hash',
    options: {},
    reads: ['pixels'],
    makes: ['phash'],
    fields(input) {
      checkedPixels(requireField(input, 'pixels', { owner: 'perceptualHash' }), 'perceptualHash')
      return [new Field('phash', new Binary(), true)]
    },
    onError,
  })
}
