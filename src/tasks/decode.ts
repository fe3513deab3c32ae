import type { Metadata } from 'sharp'
import { colourSamples } from '../kernels/colour-samples.ts'
import { type Colour, overBackground } from '../kernels/compose.ts'
import {
  blockOtherReaders,
  bytesOnTheWay,
  type EncodedPicture,
  openPicture,
  whole,
} from './encoded-picture.ts'
import { hasSamples, samplesOf, storedPixelBytes } from './stored-samples.ts'
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
  blockOtherReaders()
  return {
    async run(row, room) {
      const picture = await openPicture(bytesIn(row, column), limitPixels)
      const { metadata } = picture
      await room(metadata.width * metadata.height * pixelBytes(metadata))
      const { data, width, height, channels } = await (isFloat(metadata) ? scaled : converted)(
        picture,
      )
      if (channels !== 3 && channels !== 4)
        throw new RowError(
          'FORMAT',
          `Expected red, green and blue, got ${String(metadata.channels)} channels`,
        )
      const rgb = channels === 4 ? overBackground(data, background) : data
      return { pixels: { data: rgb, width, height }, width, height, channels: metadata.channels }
    },
  }
}

/** Samples of 8 bits, three or four to a pixel where all is well. */
interface Decoded {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
}

async function converted({ image, format }: EncodedPicture): Promise<Decoded> {
  const { data, info } = await whole(
    format,
    image.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true }),
  )
  const { width, height, channels } = info
  return { data, width, height, channels }
}

/** The library takes floats for 0..255; they are 0..1 everywhere else. */
async function scaled(picture: EncodedPicture): Promise<Decoded> {
  const { samples } = await samplesOf(picture)
  return colourSamples(samples)
}

function isFloat(metadata: Metadata): boolean {
  return ['float', 'double'].includes(metadata.depth) && hasSamples(metadata)
}

/**
 * Bytes per pixel that decoding takes: the result, and what the library holds whole on the way there. Of deep pictures
 * the samples too, which a task that follows may want as they are stored.
 */
function pixelBytes(metadata: Metadata): number {
  const { orientation = 1, hasAlpha, depth } = metadata
  const result = (hasAlpha ? 7 : 3) + (orientation > 1 ? 3 : 0)
  const isDeep = depth !== 'uchar' && hasSamples(metadata)
  return result + (isDeep ? storedPixelBytes(metadata) : bytesOnTheWay(metadata))
}
