import { blurred, gaussianKernel } from '../kernels/blur.ts'
import { pictureStep } from './picture-step.ts'
import type { Task } from './task.ts'

/** Options of this task. */
export interface BlurTaskOptions extends Readonly<Record<string, unknown>> {
  /** Standard deviation in pixels. */
  readonly sigma: number
}

/** Blurs the decoded picture. */
export function start({ sigma }: BlurTaskOptions): Task {
  const kernel = gaussianKernel(sigma)
  return pictureStep((pixels) => blurred(pixels, kernel))
}
