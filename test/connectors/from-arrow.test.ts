import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Dictionary,
  Field,
  Int32,
  LargeUtf8,
  type RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom, take, toArray } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromArrow, type FromArrowOptions } from '../../connectors/from-arrow.ts'
import { batchOf, int32Column, int64Column, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { Barrier, Control } from '../../src/flow/control.ts'
import { Run } from '../../src/run/run-state.ts'
import { everyType, plainValues } from '../helpers/every-type.ts'
import { runFrom } from '../helpers/runs.ts'

let folder: string
const at = (name: string) => join(folder, name)
const formats = ['file', 'stream'] as const

function ipcOf(batches: readonly RecordBatch[], format: 'file' | 'stream'): Uint8Array {
  const writer = format === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter()
  for (const batch of batches) writer.write(batch)
  return writer.finish().toUint8Array(true)
}

function numbered(numRows: number, first = 0): RecordBatch {
  const numbers = Array.from({ length: numRows }, (_, i) => first + i)
  return batchOf([
    textColumn(
      'name',
      numbers.map((i) => `n${String(i)}`),
    ),
    int32Column('number', numbers),
  ])
}

/** Both formats of `name`. */
async function write(name: string, batches: readonly RecordBatch[]): Promise<void> {
  for (const format of formats) await writeFile(at(`${name}.${format}`), ipcOf(batches, format))
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-arrow-'))
  await write('numbers', [numbered(100), numbered(0), numbered(150, 100), numbered(7, 250)])
  await write('more', [numbered(5, 257)])
  await write('none', [numbered(0)])
})

async function read(
  location: string | string[],
  options?: FromArrowOptions,
): Promise<RecordBatch[]> {
  const paths = typeof location === 'string' ? at(location) : location.map(at)
  return lastValueFrom(fromArrow(paths, options).pipe(toArray()))
}

function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

const names = (batch: RecordBatch | undefined) => batch?.schema.fields.map((f) => f.name)
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

describe.each(formats)('fromArrow of a %s', (format) => {
  const called = (name: string) => `${name}.${format}`

  it('emits the rows in order, in batches of a record batch at most', async () => {
    const batches = await read(called('numbers'), { batchRows: 64 })
    expect(batches.map((b) => b.numRows)).toEqual([64, 36, 64, 64, 22, 7])
    expect(values(batches, 'number')).toEqual(upTo(257))
    expect(values(batches, 'name')[256]).toBe('n256')
    expect(values(batches, 'id')).toEqual(upTo(257).map((i) => `numbers.${format}#${String(i)}`))
  })

  it('cuts batches by bytes', async () => {
    const batches = await read(called('numbers'), { columns: ['number'], batchBytes: 40 })
    expect(Math.max(...batches.map((b) => b.numRows))).toBe(10)
    expect(values(batches, 'number')).toEqual(upTo(257))
  })

  it('knows its schema without reading rows, which is that of the batches', async () => {
    for (const options of [{ columns: ['number', 'name'] }, { idColumn: 'name' }]) {
      const schema = await fromArrow(at(called('numbers')), options).schema()
      const [batch] = await read(called('numbers'), options)
      expect(String(schema)).toBe(String(batch?.schema))
    }
    expect(String(await fromArrow(at(called('none'))).schema())).toBe(
      'Schema<{ 0: id: Utf8, 1: name: Utf8, 2: number: Int32 }>',
    )
    expect(await read(called('none'))).toEqual([])
  })

  it('reads several files one after another, if they have the same columns', async () => {
    const batches = await read([called('numbers'), called('none'), called('more')])
    expect(values(batches, 'number')).toEqual(upTo(262))
    await write('other', [batchOf([textColumn('name', ['a']), int64Column('number', [1n])])])
    await expect(read([called('more'), called('other')])).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'number',
    })
  })

  it('reads the chosen columns, in the order chosen', async () => {
    const [batch] = await read(called('numbers'), { columns: ['number', 'name'] })
    expect(names(batch)).toEqual(['id', 'number', 'name'])
    const ids = await read(called('numbers'), { columns: ['id'] })
    expect(values(ids, 'id')).toHaveLength(257)
    await expect(read(called('numbers'), { columns: ['names'] })).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'names',
      message: expect.stringContaining('did you mean `name`?') as string,
    })
  })

  it('takes ids from a column, with the name of the source', async () => {
    await write('keyed', [
      batchOf([textColumn('id', ['x', 'y']), int64Column('key', [2n ** 60n, -1n])]),
    ])
    const of = async (options: FromArrowOptions) =>
      values(await read(called('keyed'), options), 'id')
    expect(await of({})).toEqual(['x', 'y'])
    expect(await of({ idColumn: 'key' })).toEqual(['1152921504606846976', '-1'])
    expect(await of({ sourceName: 's', columns: ['key'] })).toEqual(['s/x', 's/y'])
    await write('null-id', [batchOf([textColumn('id', ['x', null])])])
    await expect(read(called('null-id'))).rejects.toMatchObject({ code: 'DATA' })
  })

  it('leaves out heavy columns that nobody wants', async () => {
    const image = textColumn('image', ['…'])
    await write('heavy', [
      batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }]),
    ])
    for (const [columns, expected] of [
      [[], ['id']],
      [['image'], ['id', 'image']],
    ] as const) {
      const context = { signal: new AbortController().signal, columns: new Set(columns) }
      for await (const batch of fromArrow(at(called('heavy'))).pull(context))
        expect(names(batch as RecordBatch)).toEqual(expected)
    }
  })

  describe('keeps', () => {
    let batch: RecordBatch | undefined
    beforeAll(async () => {
      const rows = batchOf(everyType)
      await write('types', [rows, rows.slice(1, 4)])
      batch = (await read(called('types')))[0]
    })

    it.each(everyType.map((c) => [c.field.name, c] as const))('%s', (name, { field, vector }) => {
      const there = batch?.schema.fields.find((f) => f.name === name)
      // Large types are read as the plain ones.
      expect(String(there?.type)).toBe(String(field.type).replace('Large', ''))
      expect(there?.metadata).toEqual(field.metadata)
      expect(plainValues(batch?.getChild(name) as never)).toEqual(plainValues(vector))
    })
  })

  it('goes on after a checkpoint, wherever it was', async () => {
    const flow = () => fromArrow([called('more'), called('numbers')].map(at), { batchRows: 40 })
    const whole = await lastValueFrom(flow().pipe(toArray()))
    for (let stop = 1; stop <= whole.length; stop++) {
      const barrier = new Barrier(1)
      const { signal } = new AbortController()
      const first = new Run()
      let seen = 0
      for await (const value of flow().pull({ signal, run: first })) {
        if (value instanceof Control) break
        if (++seen === stop) first.request(barrier)
      }
      const rest: RecordBatch[] = []
      for await (const value of flow().pull({ signal, run: runFrom(barrier.states) }))
        rest.push(value as RecordBatch)
      expect(values(rest, 'id')).toEqual(values(whole.slice(stop), 'id'))
    }
  })

  it('stops when unsubscribed, and closes what it opened', async () => {
    const open = async () => (await readdir('/proc/self/fd')).length
    const before = await open()
    const [first] = await lastValueFrom(fromArrow(at(called('numbers'))).pipe(take(1), toArray()))
    expect(first?.numRows).toBe(100)
    await expect.poll(open).toBeLessThanOrEqual(before)
  })

  it('refuses a record batch that takes more than it may', async () => {
    await expect(read(called('numbers'), { recordBatchBytes: 1200 })).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringContaining('choose fewer `columns`') as string,
    })
    const batches = await read(called('numbers'), { recordBatchBytes: 1200, columns: ['number'] })
    expect(values(batches, 'number')).toHaveLength(257)
  })

  it('fails wherever it is cut, and never gives fewer rows', async () => {
    const whole = await readFile(at(called('numbers')))
    const rows = values(await read(called('numbers')), 'number').length
    for (let length = 0; length < whole.length; length += 131) {
      await writeFile(at('cut'), whole.subarray(0, length))
      const error: unknown = await read('cut').then(
        (batches) => values(batches, 'number').length,
        (e: unknown) => e,
      )
      // A stream that ends between two messages is one without its end mark.
      if (typeof error === 'number') expect([format, error <= rows]).toEqual(['stream', true])
      else expect(error).toMatchObject({ code: 'DATA', url: at('cut') })
    }
  })

  it('fails or reads, whatever bits of it are wrong', { timeout: 20_000 }, async () => {
    const rows = batchOf(everyType)
    const whole = Buffer.from(ipcOf([rows, rows.slice(1, 4)], format))
    let failed = 0
    for (let bit = 0; bit < 250; bit++) {
      const at_ = (bit * 7919 * 13) % (whole.length * 8)
      const broken = Buffer.from(whole)
      broken[at_ >> 3] = (broken[at_ >> 3] ?? 0) ^ (1 << (at_ & 7))
      await writeFile(at('broken'), broken)
      const error: unknown = await read('broken', { recordBatchBytes: 2 ** 20 }).then(
        () => undefined,
        (e: unknown) => e,
      )
      if (error === undefined) continue
      failed++
      expect(String((error as { code?: string }).code), String((error as Error).stack)).toMatch(
        /^(DATA|SCHEMA)$/,
      )
    }
    expect(failed).toBeGreaterThan(25)
  })
})

describe('fromArrow', () => {
  it.each([
    ['missing', undefined, { code: 'CONNECTOR', retryable: false, cause: { code: 'ENOENT' } }],
    ['empty', '', { code: 'DATA', message: expect.stringContaining('too few') as string }],
    ['short', 'ARROW1', { code: 'DATA' }],
    ['magic alone', 'ARROW1\0\0', { code: 'DATA' }],
    ['text', 'not Arrow, but long enough to be looked at', { code: 'DATA' }],
    [
      'feather',
      'FEA1….........',
      { code: 'DATA', message: expect.stringContaining('version 2') as string },
    ],
    ['parquet', 'PAR1xxxxxxxxxxxxxxxxPAR1', { code: 'DATA' }],
    ['zeros', '\0'.repeat(100), { code: 'DATA' }],
  ])('fails on a file that is %s', async (name, text, error) => {
    if (text !== undefined) await writeFile(at(name), text)
    await expect(read(name)).rejects.toMatchObject({ ...error, url: at(name) })
    await expect(fromArrow(at(name)).schema()).rejects.toMatchObject({ ...error, url: at(name) })
  })

  it('fails on a file that is cut while it is read', async () => {
    await writeFile(at('shrinking'), await readFile(at('numbers.file')))
    const rows = fromArrow(at('shrinking'), { batchRows: 10 })[Symbol.asyncIterator]()
    await rows.next()
    await truncate(at('shrinking'), 2000)
    const rest = async () => {
      while (!(await rows.next()).done);
    }
    await expect(rest()).rejects.toMatchObject({ code: 'DATA', url: at('shrinking') })
  })

  it('fails on a second stream behind the first, whose rows would be lost', async () => {
    const stream = await readFile(at('more.stream'))
    await writeFile(at('two'), Buffer.concat([stream, stream]))
    await expect(read('two')).rejects.toMatchObject({ code: 'DATA' })
  })

  it('reads of a file only the buffers of chosen columns', async () => {
    const { openFile } = await import('../../src/storage/file-bytes.ts')
    const { openArrow } = await import('../../src/arrow/arrow-file.ts')
    const wide = batchOf([
      textColumn(
        'text',
        Array.from({ length: 100 }, () => 'x'.repeat(1000)),
      ),
      int32Column('number', upTo(100)),
    ])
    await write('wide', [wide])
    // The text's bytes are overwritten: whoever decodes them fails.
    const bytes = await readFile(at('wide.file'))
    const start = bytes.indexOf('x'.repeat(1000))
    bytes.fill(255, start - 400, start)
    await writeFile(at('wide.broken'), bytes)
    await expect(read('wide.broken')).rejects.toMatchObject({ code: 'DATA' })
    expect(values(await read('wide.broken', { columns: ['number'] }), 'number')).toEqual(upTo(100))
    let asked = 0
    const { signal } = new AbortController()
    const source = await openFile(at('wide.file'))
    const counted = {
      ...source,
      read(offset: number, length: number) {
        asked += length
        return source.read(offset, length, signal)
      },
    }
    const file = await openArrow(counted, signal)
    for await (const { message, body } of file.messages(0, signal)) {
      const last = message.batch.buffers.at(-1)
      if (last) await body(last)
    }
    await source.close()
    expect(asked).toBeLessThan(3000)
  })

  describe('reads dictionaries', () => {
    const text = new Dictionary(new Utf8(), new Int32(), 3)
    const column = (words: readonly (string | null)[]) =>
      batchOf([{ field: new Field('word', text, true), vector: vectorFromArray(words, text) }])

    it('that are replaced from batch to batch of a stream', async () => {
      const stream = [column(['a', 'b', 'a']), column(['c', null, 'b'])]
      await writeFile(at('replaced'), ipcOf(stream, 'stream'))
      expect(values(await read('replaced'), 'word')).toEqual(['a', 'b', 'a', 'c', null, 'b'])
    })

    it('that two columns share, of large texts', async () => {
      const large = new Dictionary(new LargeUtf8(), new Int32(), 3)
      const vector = vectorFromArray(['x', null, 'x'], large)
      await write('shared', [
        batchOf(['a', 'b'].map((name) => ({ field: new Field(name, large, true), vector }))),
      ])
      for (const format of formats)
        for (const name of ['a', 'b'])
          expect(values(await read(`shared.${format}`), name)).toEqual(['x', null, 'x'])
    })

    it('only where a chosen column needs them', async () => {
      const rows = column(['a'])
      const both = batchOf([
        int32Column('n', [1]),
        ...rows.schema.fields.map((field) => ({
          field,
          vector: rows.getChild(field.name) as never,
        })),
      ])
      await write('both', [both])
      for (const format of formats)
        expect(values(await read(`both.${format}`, { columns: ['n'] }), 'n')).toEqual([1])
    })
  })

  it.each<[string, string | string[], FromArrowOptions]>([
    ['Expected at least one location, got none', [], {}],
    ['Expected option `location` to be a non-empty string, got `` (string)', [''], {}],
    [
      'Expected option `recordBatchBytes` to be a positive integer, got `0` (number)',
      'x',
      { recordBatchBytes: 0 },
    ],
    [
      'Expected option `batchRows` to be a positive integer, got `0` (number)',
      'x',
      { batchRows: 0 },
    ],
    [
      'Expected option `columns` to be a non-empty list of column names, got `` (list)',
      'x',
      { columns: [] },
    ],
    [
      'Expected fromArrow to be given only known options, got `column`; did you mean `columns`?',
      'x',
      { column: 'a' } as FromArrowOptions,
    ],
  ])('says: %s', (message, location, options) => {
    expect(() => fromArrow(location, options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
