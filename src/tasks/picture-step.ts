import type { Pixels } from '../pictures/pixels.ts'
import { pixelsIn, type Task } from './task.ts'

/** A task that puts another picture in place of the decoded one. */
export function pictureStep(change: (pixels: Pixels) => Pixels): Task {
  return { run: (row) => ({ pixels: change(pixelsIn(row, 'pixels')) }) }
}
