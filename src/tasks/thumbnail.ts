import { pixelsIn, type Task } from './task.ts'
import { fromPixels } from './resize.ts'

/** Options of this task. */
export interface ThumbnailTaskOptions extends Readonly<Record<string, unknown>> {
  /** Longest side in pixels. */
  readonly side: number
  /** How it is encoded. */
  readonly format: 'webp' | 'jpeg'
  /** From 1 to 100. */
  readonly quality: number
}

/** Encodes a small copy of the decoded picture. */
export function start({ side, format, quality }: ThumbnailTaskOptions): Task {
  return {
    async run(row) {
      const small = fromPixels(pixelsIn(row, 'pixels')).resize({
        width: side,
        height: side,
        fit: 'inside',
        withoutEnlargement: true,
      })
      return { thumbnail: await small.toFormat(format, { quality }).toBuffer() }
    },
  }
}
