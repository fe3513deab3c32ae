import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { batchOf, float64Column, int32Column, textColumn } from '../../../src/batch/batch.ts'
import type { ByteSource } from '../../../src/storage/byte-source.ts'
import { openFile } from '../../../src/storage/file-bytes.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { decodeFooter, magic } from '../../../src/parquet/footer.ts'
import { ParquetFile } from '../../../src/parquet/parquet-file.ts'
import { ParquetThread } from '../../../src/parquet/parquet-thread.ts'
import { encodeStruct } from '../../../src/parquet/thrift-codec.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { writeWithParquetJs } from '../../helpers/parquetjs.ts'

const { signal } = new AbortController()
const thread = new ParquetThread()
afterAll(() => thread.close())

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-file-'))
  path = join(folder, 'rows.parquet')
  const noise = Float32Array.from({ length: 2000 * 64 }, (_, i) => Math.sin(i * i))
  const rows = batchOf([
    textColumn(
      'id',
      Array.from({ length: 2000 }, (_, i) => `row-${String(i)}`),
    ),
    int32Column(
      'number',
      Array.from({ length: 2000 }, (_, i) => i),
    ),
    tensorColumn('embedding', [64], noise),
  ])
  await lastValueFrom(flowOf([rows]).pipe(toParquet(path, { rowGroupRows: 500 })))
})

/** A source over `bytes` that notes what is read. */
function memory(bytes: Uint8Array, reads: { start: number; end: number }[] = []): ByteSource {
  return {
    url: 'memory',
    size: () => Promise.resolve(bytes.length),
    read(offset, length) {
      reads.push({ start: offset, end: offset + length })
      return Promise.resolve(bytes.slice(offset, offset + length))
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- the same shape as a file's
    async *stream(offset) {
      yield bytes.subarray(offset)
    },
    close: () => Promise.resolve(),
  }
}

async function rowsOf(
  file: ParquetFile,
  columns = new Set(file.footer.columns),
): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  for (const rowGroup of file.footer.rowGroups)
    for await (const batch of file.rows(rowGroup, {
      columns,
      batchRows: 1000,
      first: 0,
      thread,
      signal,
    }))
      batches.push(batch)
  return batches
}

/** The bytes of the footer alone. */
function footerBytes(file: Buffer): Buffer {
  return file.subarray(file.length - 8 - file.readUInt32LE(file.length - 8), file.length - 8)
}

describe('ParquetFile', () => {
  it('reads the bytes of the chosen columns and no others', async () => {
    const bytes = await readFile(path)
    const reads: { start: number; end: number }[] = []
    const file = await ParquetFile.open(memory(bytes, reads), signal)
    expect(reads).toEqual([{ start: bytes.length - 65_536, end: bytes.length }])

    reads.length = 0
    await file.schema(new Set(['number']), thread)
    expect(reads).toEqual([])
    const numbers = await rowsOf(file, new Set(['number']))
    expect(numbers.map((batch) => batch.schema.fields.map((f) => f.name))).toEqual(
      Array(4).fill(['number']),
    )
    expect(numbers.flatMap((batch) => [...(batch.getChild('number') ?? [])] as number[])).toEqual(
      Array.from({ length: 2000 }, (_, i) => i),
    )
    const chunks = file.footer.rowGroups.map((g) => g.chunks.find((c) => c.column === 'number'))
    expect(reads).toEqual(chunks.map((chunk) => ({ start: chunk?.start, end: chunk?.end })))
    expect(reads.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(
      bytes.length / 20,
    )

    reads.length = 0
    expect((await rowsOf(file, new Set(['number', 'id']))).length).toBe(4)
    expect(reads).toHaveLength(4) // neighbours, so one read per row group
  })

  it('reads about a twentieth of the bytes for one of twenty columns', async () => {
    const wide = join(folder, 'wide.parquet')
    const columns = Array.from({ length: 20 }, (_, i) => `c${String(i)}`)
    const rows = batchOf(
      columns.map((name, column) =>
        float64Column(
          name,
          Float64Array.from({ length: 20_000 }, (_, i) => Math.sin(i * i + column)),
        ),
      ),
    )
    await lastValueFrom(flowOf([rows]).pipe(toParquet(wide, { rowGroupRows: 5000 })))
    const bytes = await readFile(wide)
    const reads: { start: number; end: number }[] = []
    const file = await ParquetFile.open(memory(bytes, reads), signal)
    reads.length = 0
    await rowsOf(file, new Set(['c7']))
    const share = reads.reduce((sum, { start, end }) => sum + end - start, 0) / bytes.length
    expect(share).toBeGreaterThan(0.045)
    expect(share).toBeLessThan(0.055)
  })

  it('reads a footer that is longer than its first read', async () => {
    const bytes = await readFile(path)
    const length = bytes.readUInt32LE(bytes.length - 8)
    const rest = Buffer.alloc(70_000)
    const longer = Buffer.concat([bytes.subarray(0, bytes.length - 8), rest, bytes.subarray(-8)])
    longer.writeUInt32LE(length + rest.length, longer.length - 8)
    const file = await ParquetFile.open(memory(longer), signal)
    expect(file.footer.numRows).toBe(2000)
  })

  it('keeps every byte of a footer that it reads and writes', async () => {
    const other = join(folder, 'js.parquet')
    await writeWithParquetJs(other, { a: { type: 'UTF8' }, b: { type: 'INT32', repeated: true } }, [
      { a: 'x', b: [1, 2] },
      { a: 'y', b: [] },
    ])
    for (const each of [path, other]) {
      const stored = footerBytes(await readFile(each))
      expect(Buffer.from(encodeStruct(decodeFooter(stored).struct)).equals(stored)).toBe(true)
    }
  })

  it.each([
    ['without room for the end', Buffer.from('PAR1PAR1')],
    ['with a footer longer than the file', Buffer.from('PAR1\xff\xff\xff\x7fPAR1', 'latin1')],
    ['with an empty footer', Buffer.from('PAR1\0\0\0\0PAR1', 'latin1')],
    [
      'with a footer of zeros',
      Buffer.concat([magic, Buffer.alloc(100), Buffer.from([100, 0, 0, 0]), magic]),
    ],
  ])('refuses a file %s', async (_, bytes) => {
    await expect(ParquetFile.open(memory(bytes), signal)).rejects.toMatchObject({
      code: 'DATA',
      url: 'memory',
    })
  })

  it('reads or refuses files with flipped bits in the footer, and reads the next one', async () => {
    const small = join(folder, 'small.parquet')
    const rows = batchOf([
      textColumn('id', ['a', 'b', 'c', 'd']),
      int32Column('n', [1, 2, null, 4]),
    ])
    await lastValueFrom(flowOf([rows]).pipe(toParquet(small, { rowGroupRows: 2 })))
    const bytes = await readFile(small)
    const start = bytes.length - 8 - footerBytes(bytes).length
    const outcomes = { read: 0, refused: 0 }
    for (let place = start; place < bytes.length; place += 3) {
      const damaged = Buffer.from(bytes)
      damaged[place] = (damaged[place] ?? 0) ^ (1 << (place % 8))
      try {
        const file = await ParquetFile.open(memory(damaged), signal)
        await file.schema(new Set(file.footer.columns), thread)
        await rowsOf(file)
        outcomes.read++
      } catch (error) {
        expect(error).toMatchObject({ code: 'DATA', url: 'memory' })
        outcomes.refused++
      }
    }
    expect(outcomes.refused).toBeGreaterThan(50)
    const file = await openFile(small)
    const whole = await rowsOf(await ParquetFile.open(file, signal))
    await file.close()
    expect(whole.flatMap((batch) => [...(batch.getChild('n') ?? [])] as unknown[])).toEqual([
      1,
      2,
      null,
      4,
    ])
  })

  it('refuses pages that are damaged', async () => {
    const bytes = await readFile(path)
    for (const from of [4, 5000, 60_000]) {
      const damaged = Buffer.from(bytes)
      damaged.fill(0xaa, from, from + 3000)
      await writeFile(join(folder, 'pages.parquet'), damaged)
      const file = await ParquetFile.open(memory(damaged), signal)
      await expect(rowsOf(file)).rejects.toMatchObject({ code: 'DATA', url: 'memory' })
    }
  })
})
