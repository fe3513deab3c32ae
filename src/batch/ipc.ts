import {
  type Data,
  makeData,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  type Schema,
  Struct,
} from 'apache-arrow'
import { layoutOf, takeData } from './take-data.ts'

/** What an Arrow IPC stream ends with. */
export const endOfStream = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0)

/** One batch as an Arrow IPC stream. */
export function encodeBatch(batch: RecordBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter()
  writer.write(writable(batch))
  return writer.finish().toUint8Array(true)
}

/** The first message of an Arrow IPC stream: its schema. */
export function encodeSchema(schema: Schema): Uint8Array {
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  return writer.finish().toUint8Array(true).subarray(0, -endOfStream.length)
}

/** The schema that starts an Arrow IPC stream. */
export function decodeSchema(bytes: Uint8Array): Schema {
  const whole = new Uint8Array(bytes.length + endOfStream.length)
  whole.set(bytes)
  whole.set(endOfStream, bytes.length)
  return RecordBatchReader.from(whole).open().schema
}

/** The one batch of an Arrow IPC stream, over its bytes. */
export function decodeBatch(bytes: Uint8Array): RecordBatch {
  const { value } = RecordBatchReader.from(bytes).next() as IteratorResult<RecordBatch, undefined>
  if (!value) throw new Error('Expected a batch in an Arrow IPC stream, got none')
  return value
}

/**
 * Arrow 21 cuts a slice of views once more when it writes it: what is written has to start at 0. And it takes chunks
 * that overlap in one buffer for one, as those of two columns over the same values.
 */
function writable(batch: RecordBatch): RecordBatch {
  const { schema, data, numRows } = batch
  const children = data.children.map(withoutSlicedViews)
  for (const [i, child] of children.entries()) {
    const before = children[i - 1]
    if (before && overlap(before, child)) children[i] = copied(child)
  }
  if (children.every((child, i) => child === data.children[i])) return batch
  const type = new Struct(schema.fields)
  return new RecordBatch(schema, makeData({ type, length: numRows, nullCount: 0, children }))
}

function copied(data: Data): Data {
  return takeData(
    data,
    Array.from({ length: data.length }, (_, row) => row),
  )
}

/** Whether two columns share bytes. */
function overlap(a: Data, b: Data): boolean {
  const others = rangesOf(b)
  return rangesOf(a).some((one) =>
    others.some(
      (other) => one.buffer === other.buffer && one.start < other.end && other.start < one.end,
    ),
  )
}

function rangesOf(data: Data): { buffer: unknown; start: number; end: number }[] {
  const own = (Object.values(data.buffers) as (ArrayBufferView | undefined)[]).flatMap((view) =>
    view && view.byteLength > 0
      ? [{ buffer: view.buffer, start: view.byteOffset, end: view.byteOffset + view.byteLength }]
      : [],
  )
  return [...own, ...data.children.flatMap(rangesOf)]
}

function withoutSlicedViews(data: Data): Data {
  if (layoutOf(data.type) === 'view' && data.offset > 0) return copied(data)
  const children = data.children.map(withoutSlicedViews)
  if (children.every((child, i) => child === data.children[i])) return data
  const { type, offset, length, nullCount } = data
  return data.clone(type, offset, length, nullCount, data.buffers, children)
}
