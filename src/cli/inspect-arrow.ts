import { type RecordBatch, Schema } from 'apache-arrow'
import { openArrow } from '../arrow/arrow-file.ts'
import { Dictionaries, loadColumns, type LoadLimit } from '../arrow/load-columns.ts'
import { plainField } from '../arrow/stored-schema.ts'
import { batchOfData } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import type { TableContents } from './table-contents.ts'

const magic = 'ARROW1'
const continuation = 0xffffffff
const mostBytes = 2 ** 29

/** What is in an Arrow file or stream that begins with `start`, of its rows only the first; undefined if it is neither. */
export async function inspectArrow(
  bytes: ByteSource,
  start: Buffer,
  rows: number,
): Promise<TableContents | undefined> {
  const format = formatOf(start)
  if (!format) return undefined
  const { signal } = new AbortController()
  const file = await openArrow(bytes, signal)
  const { fields } = file.schema
  const read = fields.map((_, at) => at)
  const schema = new Schema(fields.map(plainField))
  const dictionaries = new Dictionaries(file.schema, read)
  const limit: LoadLimit = { url: bytes.url, maxBytes: mostBytes, tooLarge: tooLarge(bytes.url) }
  const rowGroups: number[] = []
  const head: RecordBatch[] = []
  let held = 0
  for await (const stored of file.messages(0, signal)) {
    const { message } = stored
    if (message.kind === 'dictionary') {
      if (held < rows) await dictionaries.learn(stored, limit)
      continue
    }
    const { rows: numRows } = message.batch
    if (held < rows) {
      const loading = { fields: fields, read, dictionaries: dictionaries.values }
      head.push(batchOfData(schema, await loadColumns(stored, loading, limit), numRows))
    }
    rowGroups.push(numRows)
    held += numRows
  }
  return { format, numRows: held, rowGroups, fields, head }
}

function formatOf(start: Buffer): 'arrow file' | 'arrow stream' | undefined {
  if (start.length === 8 && start.readUInt32LE(0) === continuation) return 'arrow stream'
  return start.toString('latin1', 0, magic.length) === magic ? 'arrow file' : undefined
}

function tooLarge(url: string): LoadLimit['tooLarge'] {
  return (got) =>
    new DataError(
      `Expected the first rows of ${url} to take at most ${String(mostBytes)} bytes, got ${String(got)}`,
      { url },
    )
}
