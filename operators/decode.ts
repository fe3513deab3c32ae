import { Field, Int32, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { colour, knownOptions, nonEmptyString, positiveInteger } from '../src/options.ts'
import { pixelsField } from '../src/pictures/pixels.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { DecodeTaskOptions } from '../src/tasks/decode.ts'

/** Options of {@link decode}. */
export interface DecodeOptions extends PictureTaskOptions {
  /**
   * Column of encoded pictures.
   *
   * @default 'image'
   */
  readonly column?: string
  /**
   * What shows through transparent pixels: a colour `#rrggbb`, or `contrast` for white, or black
   * where the visible pixels are so light that they would vanish on white.
   *
   * @default 'contrast'
   */
  readonly background?: string
  /**
   * Most pixels of a picture, at 4 bytes each; a larger one is not decoded. Those of AVIF count as 8 bytes, those
   * of more or deeper channels as what they take.
   *
   * @default 100_000_000
   */
  readonly limitPixels?: number
}

const names = ['pixels', 'width', 'height', 'channels']

/**
 * Decodes JPEG, PNG, WebP, GIF, TIFF and AVIF pictures to 8-bit sRGB, turned as EXIF says.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `image` (Binary) → `pixels` (tensor of varying shape height × width × 3, uint8, heavy),
 *   `width`, `height` (Int32, after EXIF), `channels` (Int32, of the file).
 * - Samples of 16 bits lose their lower 8; floats are taken for 0..1, and what is outside is cut off.
 * - Animations and files of several pages: the first picture.
 * - Nulls: a row without a picture is at fault.
 * - Faults (`onError`): `MISSING`, `EMPTY`, `FORMAT`, `DAMAGED` (also cut files), `TOO_LARGE`.
 * - Concurrency: see `rowTask`, whose window is for 3 bytes per pixel of each row in work, and while it decodes as
 *   much again if it is turned, 6 more if it is progressive, 4 more for WebP, AVIF and GIF. A row in work holds up to 8 bytes per pixel of the limit, of an interlaced PNG
 *   or AVIF picture 10.
 * - No other format is read, whatever the file says: in this process sharp loads no SVG or PDF from here on.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {DataError} on the stream, if a picture does not decode and `onError` is 'fail'
 * @example
 * fromFiles('photos').pipe(decode({ onError: 'reject' })) // adds `pixels`, `width`, `height`, `channels`
 */
export function decode(options: DecodeOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('decode', options, ['column', 'background', 'limitPixels', 'onError'])
  const column = nonEmptyString('column', options.column ?? 'image')
  const background = options.background ?? 'contrast'
  const limitPixels = positiveInteger('limitPixels', options.limitPixels ?? 100_000_000)

  return pictureTask({
    name: 'decode',
    options: {
      column,
      background: background === 'contrast' ? background : colour('background', background),
      limitPixels,
    } satisfies DecodeTaskOptions,
    encoded: column,
    makes: names,
    fields() {
      const numbers = ['width', 'height', 'channels'].map((n) => new Field(n, new Int32(), true))
      return [pixelsField('pixels'), ...numbers]
    },
    onError: options.onError,
  })
}
