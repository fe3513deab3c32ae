import { createHash } from 'node:crypto'
import { bytesIn, type Task } from './task.ts'

/** Options of this task. */
export interface ContentHashTaskOptions extends Readonly<Record<string, unknown>> {
  /** Column of bytes. */
  readonly column: string
}

/** Hashes the encoded bytes. */
export function start({ column }: ContentHashTaskOptions): Task {
  return {
    run: (row) => ({
      content_hash: createHash('sha256').update(bytesIn(row, column)).digest('hex'),
    }),
  }
}
