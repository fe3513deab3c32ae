import type { Colour } from '../kernels/compose.ts'
import { type Box, contains, cut } from '../kernels/cut.ts'
import type { Pixels, PictureSize } from '../pictures/pixels.ts'
import { pictureStep } from './picture-step.ts'
import { RowError, type Task } from './task.ts'

/** Options of this task. */
export interface CropTaskOptions extends PictureSize, Readonly<Record<string, unknown>> {
  /** The upper left corner of the box; without it the box is in the middle. */
  readonly corner: Pick<Box, 'left' | 'top'> | undefined
  /** What is seen outside of the picture; without it the box must be inside. */
  readonly fill: Colour | undefined
}

/** Cuts a box out of the decoded picture. */
export function start({ width, height, corner, fill }: CropTaskOptions): Task {
  return pictureStep((pixels) => {
    const box = { width, height, ...(corner ?? middle(pixels, { width, height })) }
    if (fill || contains(pixels, box)) return cut(pixels, box, fill)
    throw outside(pixels, box)
  })
}

/** Half a pixel up and to the left where it cannot be exact. */
function middle(pixels: Pixels, { width, height }: PictureSize): Pick<Box, 'left' | 'top'> {
  return {
    left: Math.floor((pixels.width - width) / 2),
    top: Math.floor((pixels.height - height) / 2),
  }
}

function outside(pixels: Pixels, { left, top, width, height }: Box): RowError {
  const size = `${String(width)} × ${String(height)}`
  const place = `${String(left)}, ${String(top)}`
  return new RowError(
    'OUTSIDE',
    `Expected a picture that holds ${size} pixels from ${place} on, got ${String(pixels.width)} × ${String(pixels.height)}`,
  )
}
