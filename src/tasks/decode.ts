import type { Metadata } from 'sharp'
import { type Colour, overBackground } from '../kernels/compose.ts'
import { blockOtherReaders, bytesOnTheWay, openPicture, whole } from './encoded-picture.ts'
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
      const { image, metadata, format } = await openPicture(bytesIn(row, column), limitPixels)
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

/** Bytes per pixel that decoding takes: the result, and what the library holds whole on the way there. */
function pixelBytes(metadata: Metadata): number {
  const { orientation = 1, hasAlpha } = metadata
  return (hasAlpha ? 7 : 3) + (orientation > 1 ? 3 : 0) + bytesOnTheWay(metadata)
}
