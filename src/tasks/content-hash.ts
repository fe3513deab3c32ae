import { createHash } from 'node:crypto'
import type { Pixels } from '../kernels/pixels.ts'
import { planar } from '../kernels/planar.ts'
import { bytesIn, pixelsIn, type Task } from './task.ts'

/** Options of this task. */
export interface ContentHashTaskOptions extends Readonly<Record<string, unknown>> {
  /** Column of bytes, or `pixels`. */
  readonly column: string
  /** What it is hashed by. */
  readonly method: 'sha256' | 'xxh3'
  /** Of pixels: channels last behind the shape, or one channel behind the other without it. */
  readonly layout: 'interleaved' | 'planar'
  /** Column that is made. */
  readonly into: string
}

/** Hashes the bytes of a column, or a decoded picture. */
export async function start({
  column,
  method,
  layout,
  into,
}: ContentHashTaskOptions): Promise<Task> {
  const digest = method === 'sha256' ? sha256 : await xxh3()
  return {
    run(row) {
      if (column !== 'pixels') return { [into]: digest([bytesIn(row, column)]) }
      const pixels = pixelsIn(row, column)
      const parts = layout === 'planar' ? [planar(pixels)] : [shapeOf(pixels), pixels.data]
      return { [into]: digest(parts) }
    },
  }
}

type Digest = (parts: readonly Uint8Array[]) => string

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** XXH3 of 64 bits with seed 0. One state for all rows of a thread: nothing is awaited between its start and its end. */
async function xxh3(): Promise<Digest> {
  const { createXXHash3 } = await import('hash-wasm')
  const hash = await createXXHash3()
  return (parts) => {
    hash.init()
    for (const part of parts) hash.update(part)
    return hash.digest('hex')
  }
}

/** Height, width and channels: 32 bits each, the low byte first. */
function shapeOf({ width, height }: Pixels): Uint8Array {
  const shape = new DataView(new ArrayBuffer(12))
  for (const [i, size] of [height, width, 3].entries()) shape.setUint32(4 * i, size, true)
  return new Uint8Array(shape.buffer)
}
