import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as flechette from '@uwdata/flechette'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromArrow } from '../../connectors/from-arrow.ts'
import { toArrow } from '../../connectors/to-arrow.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { inflate } from '../../src/arrow/inflate.ts'
import { compressedArrow } from '../helpers/compressed-arrow.ts'
import { everyType, plainValues } from '../helpers/every-type.ts'

let folder: string
const at = (name: string) => join(folder, name)
const formats = ['file', 'stream'] as const

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'interop-arrow-'))
})

async function read(path: string): Promise<RecordBatch[]> {
  return lastValueFrom(fromArrow(path).pipe(toArray()))
}

function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

const bytes = (...list: number[]) => Uint8Array.from(list)
const texts = ['', null, 'naïve', 'a text that is longer than twelve bytes', 'e']
const cases: Readonly<
  Record<string, readonly [flechette.DataType, readonly unknown[], unknown[]?]>
> = {
  int8: [flechette.int8(), [1, null, -3, 4, 5]],
  uint16: [flechette.uint16(), [1, 2, 65535, null, 0]],
  int64: [
    flechette.int64(),
    [1, null, 2 ** 40, -4, 5],
    ['1n', null, '1099511627776n', '-4n', '5n'],
  ],
  float32: [flechette.float32(), [0.5, null, -1.25, 2, 1e9]],
  float64: [flechette.float64(), [0.1, 0.2, null, -0.3, 0.5]],
  bool: [flechette.bool(), [true, null, false, false, true]],
  utf8: [flechette.utf8(), texts],
  largeUtf8: [flechette.largeUtf8(), texts],
  utf8View: [flechette.utf8View(), texts],
  binary: [flechette.binary(), [bytes(1), null, bytes(), bytes(2, 3), bytes(4)]],
  largeBinary: [flechette.largeBinary(), [bytes(1), null, bytes(), bytes(2, 3), bytes(4)]],
  dictionary: [
    flechette.dictionary(flechette.utf8(), flechette.int16()),
    ['x', null, 'y', 'x', 'z'],
  ],
  list: [flechette.list(flechette.utf8()), [['a', null], null, [], ['c', 'd'], ['f']]],
  largeList: [flechette.largeList(flechette.int32()), [[1, 2], null, [], [3], [4, 5]]],
  fixedList: [
    flechette.fixedSizeList(flechette.float32(), 2),
    [[1, 2], null, [5, 6], [7, 8], [9, 1]],
  ],
}
const writable = Object.fromEntries(Object.entries(cases).filter(([name]) => name !== 'utf8View'))

describe.each(formats)('Arrow %s', (format) => {
  describe('that flechette writes', () => {
    let batches: RecordBatch[]
    beforeAll(async () => {
      const columns = Object.entries(writable).map(
        ([name, [type, list]]) => [name, flechette.columnFromArray([...list], type)] as const,
      )
      const ipc = flechette.tableToIPC(flechette.tableFromColumns(columns as never), { format })
      await writeFile(at('theirs'), ipc as Uint8Array)
      batches = await read(at('theirs'))
    })

    it.each(Object.entries(writable))('is read by us: %s', (name, [, list, expected]) => {
      const plain = list.map((each) => (each instanceof Uint8Array ? [...each] : each))
      const got = values(batches, name).map((each) =>
        each instanceof Uint8Array ? [...each] : each,
      )
      expect(got).toEqual(expected ?? plain)
    })
  })

  it.each(everyType.map((c) => [c.field.name, c] as const))(
    'that we write is read by flechette: %s',
    async (name, { field, vector }) => {
      const id = textColumn('id', ['a', 'b', 'c', 'd', 'e'])
      const rows = batchOf([id, { field, vector }])
      await lastValueFrom(flowOf([rows]).pipe(toArrow(at('ours'), { format })))
      const table = flechette.tableFromIPC(await readFile(at('ours')), { useBigInt: true })
      expect(table.numRows).toBe(5)
      const theirs = [...(table.getChild(name) as Iterable<unknown>)]
      const [first] = [...vector].flatMap((each, row) => (each === null ? [] : [row]))
      for (let row = 0; row < 5; row++) expect(theirs[row] === null).toBe(vector.get(row) === null)
      if (first === undefined || typeof vector.get(first) === 'object') return
      if (/date|timestamp/.test(name)) expect(Number(theirs[first])).toBe(Number(vector.get(first)))
      else expect(theirs).toEqual([...vector])
    },
  )
})

/** `the same again and again ` 500 times, by zstd 1.5.4 and lz4 1.9.4. */
const compressed = {
  zstd: 'KLUv/WTUL+UAAJB0aGUgc2FtZSBhZ2FpbiBhbmQCALiQJwfqljAzAlwH',
  'zstd -19 from a pipe': 'KLUv/QBo5QAAkHRoZSBzYW1lIGFnYWluIGFuZAIAuJAnB+qWMA==',
  lz4: 'BCJNGGRAp1AAAADzA3RoZSBzYW1lIGFnYWluIGFuZAoADxkA////////////////////////////////////////////////////////////////01BnYWluIAAAAAC1vzO1',
  'lz4 -BX --content-size':
    'BCJNGHxA1DAAAAAAAACWUAAAAPMDdGhlIHNhbWUgYWdhaW4gYW5kCgAPGQD////////////////////////////////////////////////////////////////TUGdhaW4gtxpRkgAAAAC1vzO1',
}

describe('compressed buffers', () => {
  const text = Buffer.from('the same again and again '.repeat(500))
  function prefixed(frame: Uint8Array, length = text.length): Buffer {
    const prefix = Buffer.alloc(8)
    prefix.writeBigInt64LE(BigInt(length))
    return Buffer.concat([prefix, frame])
  }

  it.each(Object.entries(compressed))('of %s inflate to what they were', (name, base64) => {
    const frame = Buffer.from(base64, 'base64')
    const compression = name.startsWith('lz4') ? 'lz4' : 'zstd'
    expect(Buffer.from(inflate(prefixed(frame), compression)).equals(text)).toBe(true)
    for (const length of name.includes('pipe') ? [] : [text.length - 1, text.length + 1])
      expect(() => inflate(prefixed(frame, length), compression)).toThrow(RangeError)
    for (let cut = 0; cut < frame.length - 8; cut += 3)
      expect(() => inflate(prefixed(frame.subarray(0, cut)), compression)).toThrow(RangeError)
  })

  it('are the bytes themselves behind a length of -1', () => {
    expect([...inflate(prefixed(Buffer.from('abc'), -1), 'zstd')]).toEqual([97, 98, 99])
  })

  describe.each(['lz4', 'zstd'] as const)('of %s', (name) => {
    const rows = batchOf([textColumn('id', ['a', 'b', 'c', 'd', 'e']), ...everyType])

    it.each(formats)('are read from a %s, with dictionaries', async (format) => {
      await writeFile(at('compressed'), compressedArrow([rows], { codec: name, format }))
      const batches = await read(at('compressed'))
      for (const { field, vector } of everyType)
        expect([field.name, values(batches, field.name)]).toEqual([field.name, plainValues(vector)])
    })
  })

  it('that say they inflate to too much are refused before they are inflated', async () => {
    const batch = batchOf([textColumn('id', [text.toString()])])
    const ipc = Buffer.from(compressedArrow([batch], { codec: 'lz4', format: 'stream' }))
    const length = Buffer.alloc(8)
    length.writeBigInt64LE(BigInt(text.length))
    ipc.writeBigInt64LE(2n ** 40n, ipc.indexOf(length))
    await writeFile(at('bomb'), ipc)
    await expect(read(at('bomb'))).rejects.toMatchObject({ code: 'DATA', url: at('bomb') })
  })
})
