import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, numberBetween } from '../src/options.ts'
import type { BlurTaskOptions } from '../src/tasks/blur.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link blur}. */
export interface BlurOptions extends PictureTaskOptions {
  /** Standard deviation of the Gaussian in pixels, from 0, which changes nothing, to 100. */
  readonly sigma: number
}

/**
 * Blurs pictures with a Gaussian.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, of the same size.
 * - Values: the kernel reaches to 4 `sigma`; beyond the border the picture is mirrored, the outermost pixel not
 *   repeated. Computed in double precision, rounded to nearest.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see src/kernels/blur.ts for the formula
 * @example
 * fromFiles('photos').pipe(decode(), blur({ sigma: 1.5 }))
 */
export function blur(options: BlurOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('blur', options, ['sigma', 'onError'])
  const sigma = numberBetween('sigma', options.sigma, 0, 100)

  return pictureTask({
    name: 'blur',
    options: { sigma } satisfies BlurTaskOptions,
    onError: options.onError,
  })
}
