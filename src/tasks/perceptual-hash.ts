import { perceptualHash } from '../kernels/perceptual-hash.ts'
import { pixelsIn, type Task } from './task.ts'

/** Hashes the decoded picture by what it looks like. */
export function start(): Task {
  return {
    run: (row) => ({ phash: perceptualHash({ ...pixelsIn(row, 'pixels'), channels: 3 }) }),
  }
}
