import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  type RecordBatch,
  TimestampMicrosecond,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { toJsonl, type ToJsonlOptions } from '../../connectors/to-jsonl.ts'
import { batchOf, int32Column, textColumn } from '../../src/batch/batch.ts'
import { Barrier } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { heavy } from '../../src/batch/schema.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { everyType } from '../helpers/every-type.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-jsonl-'))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const at = (name: string) => join(folder, name)
const rows = batchOf([textColumn('id', ['a', 'é"\n', null]), int32Column('n', [1, null, 3])])
const text = '{"id":"a","n":1}\n{"id":"é\\"\\n","n":null}\n{"id":null,"n":3}\n'

async function write(batches: readonly RecordBatch[], options?: ToJsonlOptions): Promise<string> {
  await lastValueFrom(flowOf(batches).pipe(toJsonl(at('rows.jsonl'), options)))
  return readFile(at('rows.jsonl'), 'utf8')
}

function columnOf(type: DataType, values: readonly unknown[]) {
  return { field: new Field('v', type, true), vector: vectorFromArray(values, type) }
}

/** What JSON makes of the columns of {@link everyType} that are not plain numbers and texts. */
const expected: Readonly<Record<string, unknown>> = {
  int64: [1, null, '1152921504606846976', -4, 5],
  float32: [0.5, null, null, null, 1e9],
  bool: [true, null, false, false, true],
  null: [null, null, null, null, null],
  largeUtf8: ['a', null, '', 'dd', 'e'],
  binary: ['', null, 'AQI=', '/w==', 'AA=='],
  fixedBinary: ['AQI=', null, 'AwQ=', 'BQY=', 'Bwg='],
  dictionary: ['x', null, 'y', 'x', 'z'],
  list: [['a', null], null, [], ['c', 'd', 'e'], ['f']],
  tensor: [[1, 2], null, [5, 6], [7, 8], [9, 10]],
  tensorOfTensors: [[[1], [2]], [[3], null], null, [[5], [6]], [[7], [8]]],
  struct: [
    { item: 1, text: 'a' },
    null,
    { item: null, text: 'c' },
    { item: 4, text: null },
    { item: 5, text: 'e' },
  ],
  map: [{ a: 1 }, null, {}, { b: 2, c: 3 }, { d: 4 }],
}

describe('toJsonl', () => {
  it.each([1, 2, 3])('writes an object per row, in batches of %i', async (size) => {
    const batches = [0, 1, 2].flatMap((i) => (i % size === 0 ? [rows.slice(i, i + size)] : []))
    expect(await write(batches)).toBe(text)
    expect(await readdir(folder)).toEqual(['rows.jsonl'])
  })

  it.each(Object.entries(expected))('writes %s', async (name, values) => {
    const column = everyType.find((c) => c.field.name === name)
    if (!column) throw new Error(`Expected a column ${name}`)
    const written = (await write([batchOf([column])])).trim().split('\n')
    expect(written.map((line) => (JSON.parse(line) as Record<string, unknown>)[name])).toEqual(
      values,
    )
  })

  it.each([
    ['infinities', columnOf(new Float64(), [Infinity, 0.1]), [null, 0.1]],
    [
      'decimals',
      columnOf(new Decimal(2, 10, 128), [
        Uint32Array.of(12345, 0, 0, 0),
        Uint32Array.of(2 ** 32 - 5, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1),
      ]),
      ['123.45', '-0.05'],
    ],
    ['dates', columnOf(new DateDay(), [new Date(86_400_000)]), ['1970-01-02T00:00:00.000Z']],
    ['timestamps', columnOf(new TimestampMicrosecond(), [1500]), ['1970-01-01T00:00:01.500Z']],
    ['tensors', { ...tensorColumn('v', [2], Float32Array.of(1, NaN)) }, [[1, null]]],
  ])('writes %s', async (_, column, values) => {
    const written = (await write([batchOf([column])])).trim().split('\n')
    expect(written.map((line) => (JSON.parse(line) as { v: unknown }).v)).toEqual(values)
  })

  it('writes chosen columns, heavy ones only when chosen', async () => {
    const image = textColumn('image', ['…'])
    const batch = batchOf([{ ...image, field: heavy(image.field) }, int32Column('n', [1])])
    expect(await write([batch])).toBe('{"n":1}\n')
    expect(await write([batch], { columns: ['n', 'image'] })).toBe('{"n":1,"image":"…"}\n')
    await expect(write([batch], { columns: ['m'] })).rejects.toMatchObject({
      code: 'SCHEMA',
      column: 'm',
    })
  })

  it('writes an empty file for no rows, and answers with what it wrote', async () => {
    expect(await write([])).toBe('')
    const path = at('x')
    expect(await lastValueFrom(flowOf([rows]).pipe(toJsonl(path)))).toEqual({
      sink: 'toJsonl',
      location: path,
      rows: 3,
      bytes: Buffer.byteLength(text),
      files: 1,
    })
  })

  it('writes to standard output, at the pace of its reader', async () => {
    const written: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation(((
      chunk: Uint8Array,
      done: (error?: Error) => void,
    ) => {
      written.push(Buffer.from(chunk).toString())
      setImmediate(done)
      return false
    }) as typeof process.stdout.write)
    const summary = await lastValueFrom(flowOf([rows, rows]).pipe(toJsonl('-')))
    expect(written.join('')).toBe(text + text)
    expect(summary).toMatchObject({ location: '-', rows: 6, files: 0 })
  })

  it('says that standard output is closed', async () => {
    vi.spyOn(process.stdout, 'write').mockImplementation(((
      _: unknown,
      done: (error?: Error) => void,
    ) => {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      return false
    }) as typeof process.stdout.write)
    const run = lastValueFrom(flowOf([rows]).pipe(toJsonl('-')))
    await expect(run).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: '-',
      cause: { code: 'EPIPE' },
    })
  })

  it('leaves nothing behind when the source fails', async () => {
    const broken = async function* () {
      yield await Promise.resolve(rows)
      throw new Error('broken source')
    }
    await expect(lastValueFrom(flowOf(broken()).pipe(toJsonl(at('x'))))).rejects.toThrow(
      'broken source',
    )
    expect(await readdir(folder)).toEqual([])
  })

  it('goes on after a checkpoint', async () => {
    const barrier = new Barrier(1)
    const crashing = new Flow<RecordBatch>(
      async function* () {
        yield rows
        yield barrier
        yield rows
        await barrier.committed()
        throw new Error('crash')
      },
      { name: 'rows', role: 'source' },
    )
    const first = flowOf(crashing.pipe(toJsonl(at('x'))))
    await expect(pulled(first, runFrom(new Map()))).rejects.toThrow('crash')
    const run = runFrom(barrier.states)
    const second = flowOf(flowOf([rows]).pipe(toJsonl(at('x'))))
    expect(await pulled(second, run)).toMatchObject([{ rows: 6 }])
    for (const { publish } of run.publications) await publish()
    expect(await readFile(at('x'), 'utf8')).toBe(text + text)
    expect(await readdir(folder)).toEqual(['x'])
  })

  it.each<[string, string, ToJsonlOptions]>([
    ['Expected option `path` to be a non-empty string, got `` (string)', '', {}],
    [
      'Expected option `columns` to be a non-empty list of column names, got `` (list)',
      'x',
      { columns: [] },
    ],
    [
      'Expected toJsonl to be given only known options, got `column`; did you mean `columns`?',
      'x',
      { column: 1 } as ToJsonlOptions,
    ],
  ])('says: %s', (message, path, options) => {
    expect(() => toJsonl(path, options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })

  it('fails before the first row where it cannot write', async () => {
    const error: unknown = await lastValueFrom(flowOf([rows]).pipe(toJsonl(at('no/x')))).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ code: 'CONNECTOR', url: at('no/x'), cause: { code: 'ENOENT' } })
  })
})
