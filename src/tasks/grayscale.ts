import { gray } from '../kernels/luma.ts'
import { pictureStep } from './picture-step.ts'
import type { Task } from './task.ts'

/** Takes the colours out of the decoded picture. */
export function start(): Task {
  return pictureStep(gray)
}
