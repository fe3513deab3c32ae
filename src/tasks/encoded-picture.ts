import sharp, { type Metadata, type Sharp } from 'sharp'
import { pictureFormat } from '../pictures/picture-format.ts'
import { RowError } from './task.ts'

/** A picture in a file format that is read, and what its header says. */
export interface EncodedPicture {
  /** Not decoded yet; turned as EXIF says. */
  readonly image: Sharp
  /** Of the header; width and height before it is turned. */
  readonly metadata: Metadata
  /** Its format as it is named in messages. */
  readonly format: string
}

/** Most pixels of a picture where nothing else is asked for. */
export const defaultLimitPixels = 100_000_000

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

/** From here on this process reads no other format. */
export function blockOtherReaders(): void {
  sharp.block({ operation: otherReaders })
}

/**
 * Opens a picture of one of the formats that are read.
 *
 * @throws {RowError} if it is none, is damaged, or has more than `limitPixels`
 */
export async function openPicture(bytes: Uint8Array, limitPixels: number): Promise<EncodedPicture> {
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
  return { image, metadata, format }
}

/**
 * What is decoded of a picture in `format`. The library's own message names its parts and versions, so it is not passed on.
 *
 * @throws {RowError} if it cannot be decoded
 */
export async function whole<T>(format: string, decoding: Promise<T>): Promise<T> {
  try {
    return await decoding
  } catch {
    throw new RowError(
      'DAMAGED',
      `Expected a whole ${format} picture, got one that is cut or damaged`,
    )
  }
}

/** Bytes per pixel that decoding takes beside the result: what the library holds whole on the way there. */
export function bytesOnTheWay({ format, isProgressive }: Metadata): number {
  const coefficients = format === 'jpeg' && isProgressive ? 6 : 0
  const frame = ['webp', 'gif', 'heif'].includes(format) ? 4 : 0
  return coefficients + frame
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

function checkedFormat(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new RowError('EMPTY', 'Expected a picture, got no bytes')
  const format = pictureFormat(bytes)
  if (format) return format.toUpperCase()
  throw new RowError(
    'FORMAT',
    'Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF picture, got bytes of none of them',
  )
}
