import { createReadStream } from 'node:fs'
import { RecordBatchReader, type RecordBatch } from 'apache-arrow'
import { DataError } from '../errors.ts'
import { firstBytes, type TableContents } from './table-contents.ts'

const magic = 'ARROW1'
const continuation = 0xffffffff

/** What is in an Arrow file or stream, read batch by batch; undefined if it is neither. */
export async function inspectArrow(path: string, rows: number): Promise<TableContents | undefined> {
  const format = await formatOf(path)
  if (!format) return undefined
  const rowGroups: number[] = []
  const head: RecordBatch[] = []
  let held = 0
  try {
    const reader = await RecordBatchReader.from(chunks(path))
    await reader.open()
    const { fields } = reader.schema
    for await (const batch of reader) {
      rowGroups.push(batch.numRows)
      if (held < rows) head.push(batch)
      held += batch.numRows
    }
    return { format, numRows: held, rowGroups, fields, head }
  } catch (cause) {
    throw new DataError(
      `Expected an ${format}, got one that does not decode: ${path}`,
      { url: path },
      { cause },
    )
  }
}

async function formatOf(path: string): Promise<'arrow file' | 'arrow stream' | undefined> {
  const start = await firstBytes(path)
  if (start.length === 8 && start.readUInt32LE(0) === continuation) return 'arrow stream'
  return start.toString('latin1', 0, magic.length) === magic ? 'arrow file' : undefined
}

/** Through a generator, since apache-arrow 21 swallows the errors of a Node stream. */
async function* chunks(path: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) yield chunk as Uint8Array
}
