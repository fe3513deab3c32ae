import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import { colour, knownOptions, positiveInteger, wholeNumber } from '../src/options.ts'
import { pixelsField } from '../src/pictures/pixels.ts'
import type { CropTaskOptions } from '../src/tasks/crop.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link crop}. */
export interface CropOptions extends PictureTaskOptions {
  /** Width of the box in pixels. */
  readonly width: number
  /** Height of the box in pixels. */
  readonly height: number
  /**
   * Columns to the left of the box; given together with `top`.
   *
   * @default as many as to its right, or one less
   */
  readonly left?: number
  /**
   * Rows above the box; given together with `left`.
   *
   * @default as many as below it, or one less
   */
  readonly top?: number
  /**
   * What a box that reaches beyond the picture has there: a colour `#rrggbb`. Without it such a picture is at fault.
   */
  readonly fill?: string
}

/**
 * Cuts a box out of pictures: at a place, or in the middle.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, a tensor of fixed shape height × width × 3. The columns `width` and `height` stay
 *   those of the original.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says), `OUTSIDE` (the box reaches beyond it).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range, or one of `left` and `top` is missing
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @example
 * decoded$.pipe(resize({ width: 256, height: 256 }), crop({ width: 224, height: 224 }))
 */
export function crop(options: CropOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('crop', options, ['width', 'height', 'left', 'top', 'fill', 'onError'])
  const { fill } = options
  const size = {
    width: positiveInteger('width', options.width),
    height: positiveInteger('height', options.height),
  }

  return pictureTask({
    name: 'crop',
    options: {
      ...size,
      corner: cornerOf(options),
      fill: fill === undefined ? undefined : colour('fill', fill),
    } satisfies CropTaskOptions,
    fields: () => [pixelsField('pixels', size)],
    onError: options.onError,
  })
}

function cornerOf({ left, top }: CropOptions): CropTaskOptions['corner'] {
  if (left === undefined && top === undefined) return undefined
  if (left !== undefined && top !== undefined)
    return { left: wholeNumber('left', left), top: wholeNumber('top', top) }
  const [given, missing] = left === undefined ? ['top', 'left'] : ['left', 'top']
  throw new OptionError(
    `Expected option \`${missing}\` beside \`${given}\`, or neither for the middle`,
  )
}
