import { dctHash } from '../kernels/dct-hash.ts'
import { differenceHash } from '../kernels/difference-hash.ts'
import { type GrayKind, grayPlane } from '../kernels/gray-plane.ts'
import type { Forms } from '../kernels/hash-forms.ts'
import { perceptualHash } from '../kernels/perceptual-hash.ts'
import { pixelsIn, type Task } from './task.ts'

/** The hashes that there are. */
export const hashMethods = ['cells', 'phash', 'dhash'] as const

/** One of {@link hashMethods}. */
export type HashMethod = (typeof hashMethods)[number]

/** Options of this task. */
export interface PerceptualHashTaskOptions extends Readonly<Record<string, unknown>> {
  /** By column the hash that it gets. */
  readonly methods: Readonly<Record<string, HashMethod>>
  /** Forms of the picture that are hashed. */
  readonly forms: Forms
  /** What `phash` and `dhash` are made of. */
  readonly gray: GrayKind
}

/** Hashes the decoded picture by what it looks like. The gray picture is made once for all. */
export function start({ methods, forms, gray }: PerceptualHashTaskOptions): Task {
  const columns = Object.entries(methods)
  const needsGray = columns.some(([, method]) => method !== 'cells')
  return {
    run(row) {
      const pixels = pixelsIn(row, 'pixels')
      const plane = needsGray ? grayPlane(pixels, gray) : undefined
      return Object.fromEntries(
        columns.map(([name, method]) => {
          if (!plane || method === 'cells')
            return [name, perceptualHash({ ...pixels, channels: 3 }, forms)]
          return [name, method === 'phash' ? dctHash(plane, forms) : differenceHash(plane, forms)]
        }),
      )
    },
  }
}
