import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Dictionary,
  Field,
  Int8,
  type RecordBatch,
  Schema,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { from, lastValueFrom, toArray } from 'rxjs'
import { beforeEach, describe, expect, it } from 'vitest'
import { fromArrow } from '../../connectors/from-arrow.ts'
import { toArrow, type ToArrowOptions } from '../../connectors/to-arrow.ts'
import {
  batchOf,
  columnsOf,
  concat,
  emptyBatch,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { Barrier } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { everyType, plainValues } from '../helpers/every-type.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-arrow-'))
})
const at = (name: string) => join(folder, name)

async function write(batches: readonly RecordBatch[], options?: ToArrowOptions) {
  const path = at('written.arrow')
  const summary = await lastValueFrom(flowOf(batches).pipe(toArrow(path, options)))
  return { path, summary, bytes: await readFile(path) }
}

async function readBack(path: string): Promise<RecordBatch[]> {
  return lastValueFrom(fromArrow(path).pipe(toArray()))
}

function cut(batch: RecordBatch, size: number): RecordBatch[] {
  const out: RecordBatch[] = []
  for (let i = 0; i < batch.numRows; i += size) out.push(batch.slice(i, i + size))
  return out
}

const word = new Dictionary(new Utf8(), new Int8(), 99)
const wordField = new Field('word', word, true)

/** Rows with a dictionary of their own. */
function words(list: readonly (string | null)[]): RecordBatch {
  const ids = list.map((_, i) => String(i))
  return batchOf([textColumn('id', ids), { field: wordField, vector: vectorFromArray(list, word) }])
}

function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

const everything = batchOf([textColumn('id', ['a', 'b', 'c', 'd', 'e']), ...everyType])
const manyRows = (n: number) =>
  batchOf([
    textColumn(
      'id',
      Array.from({ length: n }, (_, i) => `row-${String(i)}`),
    ),
    int32Column(
      'number',
      Array.from({ length: n }, (_, i) => (i % 5 === 0 ? null : i)),
    ),
  ])

describe.each(['file', 'stream'] as const)('toArrow as a %s', (format) => {
  it.each(columnsOf(everything).map((c) => [c.field.name, c] as const))(
    'keeps values, type and metadata of %s',
    async (name, { field, vector }) => {
      const id = textColumn('id', ['a', 'b', 'c', 'd', 'e'])
      const columns = name === 'id' ? [id] : [id, { field, vector }]
      const schema = new Schema(
        columns.map((c) => c.field),
        new Map([['made', 'here']]),
      )
      const [read] = await readBack((await write([batchOf(columns, schema)], { format })).path)
      const there = read?.schema.fields.find((f) => f.name === name)
      // Large types are read as the plain ones.
      expect(String(there?.type)).toBe(String(field.type).replace('Large', ''))
      expect(there?.metadata).toEqual(field.metadata)
      expect(plainValues(read?.getChild(name) as never)).toEqual(plainValues(vector))
      expect(read?.schema.metadata.get('made')).toBe('here')
    },
  )

  it('gives the same bytes however the rows are batched', async () => {
    const rows = concat([everything, everything, everything])
    const whole = await write([rows], { format })
    for (const size of [1, 4])
      expect((await write(cut(rows, size), { format })).bytes.equals(whole.bytes)).toBe(true)
    const own = await write([words(['x', 'y', null, 'x', 'z'])], { format })
    const parts = [words(['x', 'y', null]), words(['x', 'z'])]
    const renamed = parts.map((part, i) =>
      batchOf([
        textColumn('id', i === 0 ? ['0', '1', '2'] : ['3', '4']),
        { field: wordField, vector: part.getChild('word') as never },
      ]),
    )
    expect((await write(renamed, { format })).bytes.equals(own.bytes)).toBe(true)
  })

  it('cuts record batches by rows and bytes, and answers with what it wrote', async () => {
    const { path, summary, bytes } = await write(cut(manyRows(20_000), 6000), { format })
    expect(summary).toEqual({
      sink: 'toArrow',
      location: path,
      rows: 20_000,
      bytes: bytes.length,
      files: 1,
    })
    const batches = await lastValueFrom(fromArrow(path, { batchRows: 10_000 }).pipe(toArray()))
    expect(batches.map((b) => b.numRows)).toEqual([8192, 8192, 3616])
    expect(values(batches, 'number')).toEqual(values([manyRows(20_000)], 'number'))
  })

  it('lets a dictionary grow from record batch to record batch', async () => {
    const first = Array.from({ length: 8192 }, (_, i) => (i % 2 ? 'a' : 'b'))
    const rows = [words(first), words(['c', null, 'a', 'd'])]
    const { path } = await write(rows, { format })
    expect(values(await readBack(path), 'word')).toEqual([...first, 'c', null, 'a', 'd'])
    const many = words(Array.from({ length: 128 }, (_, i) => String(i)))
    await expect(write([many, words(['more'])], { format })).rejects.toThrow(
      'at most 128 values in a dictionary',
    )
  })

  it('writes chosen columns, heavy ones only when chosen', async () => {
    const image = int32Column('image', [1])
    const row = batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }])
    const names = async (columns?: string[]) => {
      const { path } = await write([row], { format, ...(columns && { columns }) })
      return (await readBack(path))[0]?.schema.fields.map((f) => f.name)
    }
    expect(await names()).toEqual(['id'])
    expect(await names(['image', 'id'])).toEqual(['image', 'id'])
    await expect(write([row], { format, columns: ['imag'] })).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'imag',
    })
  })

  it('writes an empty file with the schema of the flow, or of a batch without rows', async () => {
    const { schema } = everything
    const none = new Flow<RecordBatch>(async function* () {}, {
      name: 'none',
      role: 'source',
      schema: () => schema,
    })
    expect(await lastValueFrom(none.pipe(toArrow(at('flow'), { format })))).toMatchObject({
      rows: 0,
    })
    await write([emptyBatch(schema)], { format })
    for (const path of [at('flow'), at('written.arrow')]) {
      expect(String(await fromArrow(path).schema())).toBe(String(schema).replaceAll('Large', ''))
      expect(await readBack(path)).toEqual([])
    }
    await expect(write([], { format })).rejects.toMatchObject({ code: 'SCHEMA' })
  })

  it('goes on after a checkpoint and writes the bytes of an unbroken run', async () => {
    const rows = cut(
      concat([
        words(Array.from({ length: 9000 }, (_, i) => `w${String(i % 50)}`)),
        words(['x', 'y']),
      ]),
      1000,
    )
    const { bytes } = await write(rows, { format })
    for (const stop of [0, 3, 9]) {
      const barrier = new Barrier(1)
      const crashing = new Flow<RecordBatch>(
        async function* () {
          yield* rows.slice(0, stop)
          yield barrier
          yield* rows.slice(stop, stop + 1)
          await barrier.committed()
          throw new Error('crash')
        },
        { name: 'rows', role: 'source' },
      )
      const sink = () => toArrow(at('resumed'), { format })
      await expect(pulled(flowOf(crashing.pipe(sink())), runFrom(new Map()))).rejects.toThrow(
        'crash',
      )
      const run = runFrom(barrier.states)
      const receipts = await pulled(flowOf(flowOf(rows.slice(stop)).pipe(sink())), run)
      expect(receipts).toMatchObject([{ rows: 9002, files: 1 }])
      for (const { publish } of run.publications) await publish()
      expect((await readFile(at('resumed'))).equals(bytes)).toBe(true)
    }
  })

  it('adds rows to what is there', async () => {
    const { path } = await write([words(['a', 'b'])], { format })
    const sink = flowOf(flowOf([words(['c', 'b'])]).pipe(toArrow(path, { format })))
    const { signal } = new AbortController()
    for await (const value of sink.pull({ signal, adding: true }))
      expect(value).toMatchObject({ rows: 2 })
    expect(values(await readBack(path), 'word')).toEqual(['a', 'b', 'c', 'b'])
    await write([emptyBatch(words([]).schema)], { format })
    const again = flowOf(flowOf([words(['c'])]).pipe(toArrow(path, { format })))
    for await (const value of again.pull({ signal, adding: true }))
      expect(value).toMatchObject({ rows: 1 })
    expect(values(await readBack(path), 'word')).toEqual(['c'])
    await writeFile(path, 'no Arrow at all')
    const broken = flowOf(flowOf([words(['c'])]).pipe(toArrow(path, { format })))
    const reading = broken.pull({ signal, adding: true })[Symbol.asyncIterator]()
    await expect(reading.next()).rejects.toMatchObject({ code: 'DATA', url: path })
  })

  it('leaves nothing behind when the source fails or columns change', async () => {
    const broken = async function* () {
      yield* cut(manyRows(50), 10)
      await Promise.resolve()
      throw new Error('broken source')
    }
    await expect(
      lastValueFrom(flowOf(broken()).pipe(toArrow(at('x'), { format }))),
    ).rejects.toThrow('broken source')
    await expect(
      lastValueFrom(from([manyRows(5), everything]).pipe(toArrow(at('x'), { format }))),
    ).rejects.toMatchObject({ code: 'SCHEMA' })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('toArrow', () => {
  it.each<[string, ToArrowOptions]>([
    [
      "Expected option `format` to be one of 'file', 'stream', got `fil` (string); did you mean `file`?",
      { format: 'fil' as 'file' },
    ],
    [
      'Expected option `columns` to be a non-empty list of column names, got `` (list)',
      { columns: [] },
    ],
    [
      'Expected toArrow to be given only known options, got `column`; did you mean `columns`?',
      { column: 1 } as ToArrowOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => toArrow('x', options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
