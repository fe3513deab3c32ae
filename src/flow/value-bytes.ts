import { RecordBatch } from 'apache-arrow'

/** What a value that is no batch counts as. */
const otherBytes = 1024

/** Bytes that a value is taken to hold: a batch its buffers, a list its elements, another value 1 KiB. */
export function bytesOf(value: unknown): number {
  if (value instanceof RecordBatch) return value.data.byteLength
  if (!Array.isArray(value)) return otherBytes
  return value.reduce((sum: number, element: unknown) => sum + bytesOf(element), 0)
}
