import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { turnedSize } from '../src/kernels/rotate.ts'
import { colour, knownOptions, numberBetween, trueOrFalse } from '../src/options.ts'
import { pictureSize, pixelsField } from '../src/pictures/pixels.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { RotateTaskOptions } from '../src/tasks/rotate.ts'

/** Options of {@link rotate}. */
export interface RotateOptions extends PictureTaskOptions {
  /** Counter-clockwise, from -360 to 360. */
  readonly degrees: number
  /**
   * What is seen where the picture is not: a colour `#rrggbb`.
   *
   * @default '#000000'
   */
  readonly fill?: string
  /**
   * Whether the result is large enough for all of the turned picture; else it has the size of the picture, whose
   * corners are cut off.
   *
   * @default false
   */
  readonly expand?: boolean
}

/**
 * Turns pictures about their middle.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, of the same size, unless `expand` is true.
 * - Values: interpolated (bilinear, rounded to nearest); at its edge the picture fades into `fill`. Quarter turns
 *   move pixels and change none with `expand`, and without it where width and height are both even or both odd.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see src/kernels/rotate.ts for the formula
 * @example
 * decoded$.pipe(rotate({ degrees: 5, fill: '#ffffff' }))
 */
export function rotate(options: RotateOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('rotate', options, ['degrees', 'fill', 'expand', 'onError'])
  const turn = {
    degrees: numberBetween('degrees', options.degrees, -360, 360),
    fill: colour('fill', options.fill ?? '#000000'),
    expand: trueOrFalse('expand', options.expand ?? false),
  } satisfies RotateTaskOptions

  return pictureTask({
    name: 'rotate',
    options: turn,
    fields(pictures) {
      const size = pictureSize(pictures)
      return [pixelsField('pixels', size && turnedSize(size, turn))]
    },
    onError: options.onError,
  })
}
