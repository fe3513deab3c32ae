import sharp, { type FitEnum, type KernelEnum, type Sharp } from 'sharp'
import type { Pixels, PictureSize } from '../pictures/pixels.ts'
import { pixelsIn, type Task } from './task.ts'

/** Options of this task. */
export interface ResizeTaskOptions extends PictureSize, Readonly<Record<string, unknown>> {
  /** How a picture of another shape is fitted. */
  readonly fit: keyof FitEnum
  /** Kernel of the reduction. */
  readonly kernel: keyof KernelEnum
}

/** Resizes the decoded picture. */
export function start({ width, height, fit, kernel }: ResizeTaskOptions): Task {
  return {
    async run(row) {
      const pixels = pixelsIn(row, 'pixels')
      if (pixels.width === width && pixels.height === height) return {}
      const { data, info } = await fromPixels(pixels)
        .resize({ width, height, fit, kernel })
        .raw()
        .toBuffer({ resolveWithObject: true })
      return { pixels: { data, width: info.width, height: info.height } }
    },
  }
}

/** The decoded picture as input of sharp. */
export function fromPixels({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } })
}
