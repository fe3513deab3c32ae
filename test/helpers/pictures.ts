import type { RecordBatch } from 'apache-arrow'
import sharp, { type Sharp } from 'sharp'
import { batchOf, binaryColumn, column, textColumn } from '../../src/batch/batch.ts'
import { requireField } from '../../src/batch/schema.ts'
import type { Context } from '../../src/flow/context.ts'
import { type Reject, Rejects } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import {
  type PictureSize,
  type Pixels,
  pixelsAt,
  pixelsColumn,
  pixelsField,
} from '../../src/pictures/pixels.ts'
import { Run } from '../../src/run/run-state.ts'

/** A picture of one colour. */
export function plain(
  width: number,
  height: number,
  [r, g, b, alpha = 1]: readonly number[] = [200, 100, 50],
): Sharp {
  const channels = alpha < 1 ? 4 : 3
  return sharp({ create: { width, height, channels, background: { r, g, b, alpha } } })
}

/** A picture of reproducible noise. */
export function noise(width: number, height: number, seed = 1): Sharp {
  const data = new Uint8Array(width * height * 3)
  let state = seed
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    data[i] = state >>> 24
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** Batches of `size` rows with `id` and `image`. */
export function pictureBatches(
  pictures: Readonly<Record<string, Uint8Array | null>>,
  size = 64,
): RecordBatch[] {
  const ids = Object.keys(pictures)
  const batches: RecordBatch[] = []
  for (let from = 0; from < ids.length; from += size) {
    const part = ids.slice(from, from + size)
    const images = part.map((id) => pictures[id] ?? null)
    batches.push(batchOf([textColumn('id', part), binaryColumn('image', images)]))
  }
  return batches
}

/** Batches of `size` rows with `id` and `pixels`: of one size if that is given, else of many. */
export function pixelBatches(
  pictures: Readonly<Record<string, Pixels | null>>,
  { size = 64, of }: { size?: number; of?: PictureSize } = {},
): RecordBatch[] {
  const ids = Object.keys(pictures)
  const batches: RecordBatch[] = []
  for (let from = 0; from < ids.length; from += size) {
    const part = ids.slice(from, from + size)
    const pixels = part.map((id) => pictures[id] ?? null)
    batches.push(batchOf([textColumn('id', part), pixelsColumn(pixelsField('pixels', of), pixels)]))
  }
  return batches
}

/** The pictures in `pixels` over all batches, by id. */
export function picturesIn(batches: readonly RecordBatch[]): Record<string, Pixels | null> {
  const found: Record<string, Pixels | null> = {}
  for (const batch of batches) {
    const field = requireField(batch.schema, 'pixels', { owner: 'test' })
    for (let row = 0; row < batch.numRows; row++)
      found[String(column(batch, 'id').get(row))] = pixelsAt(field, column(batch, 'pixels'), row)
  }
  return found
}

/** What came out of a flow. */
export interface Gathered {
  readonly batches: readonly RecordBatch[]
  readonly rejects: readonly Reject[]
  readonly run: Run
}

/** Reads a flow to its end, rejects included; `columns` are the heavy ones wanted, all without it. */
export async function gather(
  flow: unknown,
  { columns, threads = 2 }: { columns?: readonly string[]; threads?: number } = {},
): Promise<Gathered> {
  const run = new Run({ threads })
  const context: Context = {
    signal: new AbortController().signal,
    run,
    ...(columns && { columns: new Set(columns) }),
  }
  const batches: RecordBatch[] = []
  const rejects: Reject[] = []
  for await (const value of flowOf(flow as Flow<RecordBatch>).pull(context))
    if (value instanceof Rejects) rejects.push(...value.rows)
    else batches.push(value as RecordBatch)
  return { batches, rejects, run }
}

/** One column over all batches. */
export function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) => [...(batch.getChild(name) ?? [])] as unknown[])
}
