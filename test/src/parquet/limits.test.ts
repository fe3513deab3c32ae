import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { lastValueFrom, reduce } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromParquet } from '../../../connectors/from-parquet.ts'
import { DataError } from '../../../src/errors.ts'
import { decodingBytes, parquetLimits } from '../../../src/parquet/limits.ts'
import { ParquetThread } from '../../../src/parquet/parquet-thread.ts'
import { decodeStruct } from '../../../src/parquet/thrift-codec.ts'
import { element, fileOf, pageFile } from '../../helpers/crafted-parquet.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-limits-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function read(bytes: Uint8Array): Promise<number> {
  const path = join(folder, 'crafted.parquet')
  await writeFile(path, bytes)
  return lastValueFrom(fromParquet(path).pipe(reduce((rows, batch) => rows + batch.numRows, 0)))
}

/** A schema whose column lies `levels` below the root. */
function nested(levels: number): Uint8Array {
  const groups = Array.from({ length: levels - 1 }, () => element('g', 1))
  return fileOf(new Uint8Array(8), { schema: [element('schema', 1), ...groups, element('v')] })
}

function columns(count: number): Uint8Array {
  const leaves = Array.from({ length: count }, (_, i) => element(`c${String(i)}`))
  return fileOf(new Uint8Array(8), { schema: [element('schema', count), ...leaves] })
}

describe('parquetLimits', () => {
  it('lets files through that say what is so', async () => {
    const body = gzipSync(new Uint8Array(400))
    expect(await read(pageFile({ body, codec: 2, rawBytes: 400, values: 100 }))).toBe(100)
    expect(await read(nested(parquetLimits.schemaDepth))).toBe(0)
  })

  const huge = 2 ** 31 - 1
  const refused = [
    {
      name: 'a schema that is one level too deep',
      file: () => nested(parquetLimits.schemaDepth + 1),
      message: `a schema of at most ${String(parquetLimits.schemaDepth)} levels`,
    },
    {
      name: 'a schema 10,000 levels deep',
      file: () => nested(10_000),
      message: `a schema of at most ${String(parquetLimits.schemaDepth)} levels`,
    },
    {
      name: 'a column too many',
      file: () => columns(parquetLimits.leaves + 1),
      message: `at most ${String(parquetLimits.leaves)} columns, got 32769`,
    },
    {
      name: 'more children than there are',
      file: () => fileOf(new Uint8Array(8), { schema: [element('schema', huge), element('v')] }),
      message: 'a schema that is a whole tree',
    },
    {
      name: 'a few bytes that stand for 2^31 values',
      file: () => pageFile({ body: new Uint8Array(8), rawBytes: 8, values: huge }),
      message: `to take at most 536870912 bytes, got ${String(4 * huge)}`,
    },
  ]
  for (const { name, file, message } of refused)
    it(`refuses ${name}`, async () => {
      const error: unknown = await read(file()).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(DataError)
      expect((error as Error).message).toContain(message)
    })

  it('refuses a longer footer before it reads it', async () => {
    const path = join(folder, 'footer.parquet')
    const end = Buffer.from('\0\0\0\0PAR1')
    end.writeUInt32LE(parquetLimits.footerBytes + 1)
    await writeFile(path, 'PAR1')
    await truncate(path, 2 * parquetLimits.footerBytes)
    await writeFile(path, end, { flag: 'a' })
    await expect(lastValueFrom(fromParquet(path))).rejects.toThrow(
      `a footer of ${String(parquetLimits.footerBytes + 1)} bytes is longer than the 134217728`,
    )
  })

  /** Field 1: a list of so many elements of one byte each. */
  function listOf(type: number, count: number): Uint8Array {
    const size = [0, 7, 14, 21].map((shift, i) => ((count >> shift) & 127) | (i < 3 ? 128 : 0))
    return Buffer.concat([Uint8Array.of(0x19, 0xf0 | type, ...size), new Uint8Array(count + 1)])
  }

  it('bounds the structs and values of a footer', () => {
    const [structType, boolType] = [12, 1]
    expect(() => decodeStruct(listOf(structType, parquetLimits.structs))).toThrow(
      `Expected at most ${String(parquetLimits.structs)} structs`,
    )
    expect(() => decodeStruct(listOf(boolType, parquetLimits.values))).toThrow(
      `Expected at most ${String(parquetLimits.values)} values`,
    )
  })

  it('ends a page that inflates beyond the memory of the thread', async () => {
    const body = gzipSync(new Uint8Array(128 * 2 ** 20))
    const thread = new ParquetThread(32 * 2 ** 20)
    try {
      const file = pageFile({ body, codec: 2, rawBytes: 400, values: 100 })
      const batches = thread.read(Uint8Array.from(file), 100)
      await expect(batches.next()).rejects.toThrow(/out of memory|unreachable/)
    } finally {
      await thread.close()
    }
  })

  it('gives the memory that a row group of the size asked for takes', () => {
    expect(decodingBytes(2 ** 20)).toBe(parquetLimits.memoryBytes)
    expect(decodingBytes(2 ** 30)).toBe(3 * 2 ** 30)
    expect(decodingBytes(2 ** 40)).toBe(2 ** 32)
  })
})
