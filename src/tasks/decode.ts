import sharp from 'sharp'
import { type Colour, overBackground } from '../kernels/compose.ts'
import { pictureFormat } from '../pictures/picture-format.ts'
import { bytesIn, RowError, type Task } from './task.ts'

/** Options of this task. */
export interface DecodeTaskOptions extends Readonly<Record<string, unknown>> {
  /** Column of encoded pictures. */
  readonly column: string
  /** What shows through transparent pixels. */
  readonly background: Colour | 'contrast'
  /** Most pixels of a picture. */
  readonly limitPixels: number
}

/** Decodes a picture to 8-bit RGB. */
export function start({ column, background, limitPixels }: DecodeTaskOptions): Task {
  return {
    async run(row) {
      const bytes = bytesIn(row, column)
      const format = checkedFormat(bytes)
      // 'error', not the default 'warning': pictures that every viewer opens carry warnings.
      const image = sharp(bytes, {
        failOn: 'error',
        // Checked below, where the error can say what is there.
        limitInputPixels: false,
        autoOrient: true,
      })
      const { channels, width: stored, height: lines } = await whole(format, image.metadata())
      if (stored * lines > limitPixels)
        throw new RowError(
          'TOO_LARGE',
          `Expected at most ${String(limitPixels)} pixels, got ${String(stored)} × ${String(lines)}`,
        )
      const { data, info } = await whole(
        format,
        image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true }),
      )
      const { width, height } = info
      const rgb = info.channels === 4 ? overBackground(data, background) : data
      return { pixels: { data: rgb, width, height }, width, height, channels }
    },
  }
}

function checkedFormat(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new RowError('EMPTY', 'Expected a picture, got no bytes')
  const format = pictureFormat(bytes)
  if (format) return format.toUpperCase()
  throw new RowError(
    'FORMAT',
    'Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF picture, got bytes of none of them',
  )
}

/** The library's own message names its parts and versions, so it is not passed on. */
async function whole<T>(format: string, decoding: Promise<T>): Promise<T> {
  try {
    return await decoding
  } catch {
    throw new RowError(
      'DAMAGED',
      `Expected a whole ${format} picture, got one that is cut or damaged`,
    )
  }
}
