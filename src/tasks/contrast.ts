import { contrasted } from '../kernels/tone.ts'
import { pictureStep } from './picture-step.ts'
import type { Task } from './task.ts'

/** Options of this task. */
export interface ContrastTaskOptions extends Readonly<Record<string, unknown>> {
  /** What distances from the mean are multiplied by. */
  readonly factor: number
}

/** Changes the contrast of the decoded picture. */
export function start({ factor }: ContrastTaskOptions): Task {
  return pictureStep((pixels) => contrasted(pixels, factor))
}
