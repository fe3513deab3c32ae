import { mapped } from '../kernels/pixels.ts'
import { gammaTable, type Rounding } from '../kernels/tone.ts'
import { pictureStep } from './picture-step.ts'
import type { Task } from './task.ts'

/** Options of this task. */
export interface GammaTaskOptions extends Readonly<Record<string, unknown>> {
  /** The exponent. */
  readonly gamma: number
  /** How values become whole. */
  readonly rounding: Rounding
}

/** Applies a power law to the values of the decoded picture. */
export function start({ gamma, rounding }: GammaTaskOptions): Task {
  const table = gammaTable(gamma, rounding)
  return pictureStep((pixels) => mapped(pixels, table))
}
