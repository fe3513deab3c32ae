import sharp, { type Metadata } from 'sharp'
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

/**
 * What else libvips may read: text that names other files, and formats of which nobody asked. They are blocked one by
 * one, since blocking all and then allowing six would fail pictures that another thread has in work meanwhile.
 */
const otherReaders = [
  ...['Svg', 'Pdf', 'Magick', 'Magick7', 'OpenSlide', 'Openexr', 'Fits', 'Mat', 'Csv', 'Matrix'],
  ...['Raw', 'Vips', 'Analyze', 'Rad', 'Ppm', 'Jp2k', 'Jxl', 'Nifti', 'Uhdr', 'Dcraw'],
].map((name) => `VipsForeignLoad${name}`)

const sampleBytes: Readonly<Record<string, number>> = {
  ...{ uchar: 1, char: 1, ushort: 2, short: 2, uint: 4, int: 4, float: 4, double: 8 },
  ...{ complex: 8, dpcomplex: 16 },
}

/** Decodes a picture to 8-bit RGB. */
export function start({ column, background, limitPixels }: DecodeTaskOptions): Task {
  sharp.block({ operation: otherReaders })
  return {
    async run(row, room) {
      const bytes = bytesIn(row, column)
      const format = checkedFormat(bytes)
      // 'error', not the default 'warning': pictures that every viewer opens carry warnings.
      const image = sharp(bytes, {
        failOn: 'error',
        // Checked below, where the error can say what is there.
        limitInputPixels: false,
        autoOrient: true,
      })
      const metadata = await whole(format, image.metadata())
      checkSize(metadata, limitPixels)
      await room(metadata.width * metadata.height * pixelBytes(metadata))
      const { data, info } = await whole(
        format,
        image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true }),
      )
      const { width, height } = info
      if (info.channels !== 3 && info.channels !== 4)
        throw new RowError(
          'FORMAT',
          `Expected red, green and blue, got ${String(metadata.channels)} channels`,
        )
      const rgb = info.channels === 4 ? overBackground(data, background) : data
      return { pixels: { data: rgb, width, height }, width, height, channels: metadata.channels }
    },
  }
}

/** The limit is on bytes, so that a picture of deep or many channels does not take more than others. */
function checkSize(
  { width, height, channels, depth, format }: Metadata,
  limitPixels: number,
): void {
  // AVIF is held twice while it is decoded.
  const least = format === 'heif' ? 8 : 4
  const pixelBytes = Math.max(least, channels * (sampleBytes[depth] ?? 16))
  if (width * height * pixelBytes <= 4 * limitPixels) return
  const [each, deep] = pixelBytes > 4 ? [' of 4 bytes', ` of ${String(pixelBytes)}`] : ['', '']
  throw new RowError(
    'TOO_LARGE',
    `Expected at most ${String(limitPixels)} pixels${each}, got ${String(width)} × ${String(height)}${deep}`,
  )
}

/** Bytes per pixel that decoding takes: the result, and what the library holds whole on the way there. */
function pixelBytes({ format, orientation = 1, isProgressive, hasAlpha }: Metadata): number {
  const result = hasAlpha ? 7 : 3
  const turned = orientation > 1 ? 3 : 0
  const coefficients = format === 'jpeg' && isProgressive ? 6 : 0
  const frame = ['webp', 'gif', 'heif'].includes(format) ? 4 : 0
  return result + turned + coefficients + frame
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
