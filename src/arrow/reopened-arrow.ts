import type { Data } from 'apache-arrow'
import { concatData } from '../batch/concat-data.ts'
import { encodeSchema } from '../batch/ipc.ts'
import { DataError } from '../errors.ts'
import type { Reopened } from '../output/file-format.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { openBytes } from '../storage/open-bytes.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { type Block, openArrow } from './arrow-file.ts'
import type { ArrowState } from './arrow-writer.ts'
import type { FileBlock, IpcFormat } from './ipc-writer.ts'
import { Dictionaries, type LoadLimit } from './load-columns.ts'
import { savedDictionary } from './running-dictionaries.ts'

/** Most bytes of the dictionaries. */
const maxBytes = 2 ** 29

/** What a writer of `format` goes on from behind the rows of the file at `path`. Reads its messages, and its dictionaries. */
export async function reopenedArrow(
  path: string,
  { format, storage }: { format: IpcFormat; storage: StorageOptions | undefined },
): Promise<Reopened<ArrowState>> {
  const bytes = await openBytes(path, storage)
  try {
    return await reopened(bytes, format)
  } finally {
    await bytes.close()
  }
}

async function reopened(bytes: ByteSource, format: IpcFormat): Promise<Reopened<ArrowState>> {
  const { url } = bytes
  const { signal } = new AbortController()
  const file = await openArrow(bytes, signal)
  if (file.format !== format)
    throw new DataError(`Expected ${url} to be an Arrow ${format}, got a ${file.format}`, { url })
  const dictionaries = new Dictionaries(file.schema, [...file.schema.fields.keys()])
  const limit: LoadLimit = {
    url,
    maxBytes,
    tooLarge: (got) =>
      new DataError(
        `Expected at most ${String(maxBytes)} bytes of dictionaries in ${url}, got ${String(got)}`,
        { url },
      ),
  }
  const blocks = { batch: [] as FileBlock[], dictionary: [] as FileBlock[] }
  let rows = 0
  let end = 0
  for await (const stored of file.messages(0, signal)) {
    const { message, block } = stored
    if (message.kind === 'dictionary') await dictionaries.learn(stored, limit)
    else rows += message.batch.rows
    blocks[message.kind].push(fileBlock(block))
    end = Math.max(end, block.offset + block.metadataBytes + block.bodyBytes)
  }
  const saved = [...dictionaries.values].map(
    ([id, { data }]) => [id, savedDictionary(concatData(data as readonly Data[]))] as const,
  )
  const state = {
    rows,
    // Of a file without messages nothing stays: it is begun again.
    schema: end > 0 ? encodeSchema(file.schema) : undefined,
    position: { bytes: end, batches: blocks.batch, dictionaries: blocks.dictionary },
    dictionaries: new Map(saved),
    waiting: undefined,
  }
  return { bytes: end, state, rows }
}

function fileBlock({ offset, metadataBytes, bodyBytes }: Block): FileBlock {
  return { offset, metaDataLength: metadataBytes, bodyLength: bodyBytes }
}
