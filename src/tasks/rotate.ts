import { type Turn, turned } from '../kernels/rotate.ts'
import { pictureStep } from './picture-step.ts'
import type { Task } from './task.ts'

/** Options of this task. */
export interface RotateTaskOptions extends Turn, Readonly<Record<string, unknown>> {}

/** Turns the decoded picture. */
export function start(turn: RotateTaskOptions): Task {
  return pictureStep((pixels) => turned(pixels, turn))
}
