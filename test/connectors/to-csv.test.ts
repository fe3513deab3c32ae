import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int64,
  type RecordBatch,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { beforeEach, describe, expect, it } from 'vitest'
import { toCsv, type ToCsvOptions } from '../../connectors/to-csv.ts'
import { batchOf, int32Column, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { Barrier } from '../../src/flow/control.ts'
import { declare } from '../../src/flow/declare.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-csv-'))
})

const at = (name: string) => join(folder, name)
const rows = batchOf([
  textColumn('id', ['a', 'é,"\n', null, '']),
  int32Column('n', [1, null, -3, 4]),
])
const text = 'id,n\na,1\n"é,""\n",\n,-3\n"",4\n'

async function write(batches: readonly RecordBatch[], options?: ToCsvOptions): Promise<string> {
  await lastValueFrom(flowOf(batches).pipe(toCsv(at('rows.csv'), options)))
  return readFile(at('rows.csv'), 'utf8')
}

function columnOf(type: DataType, values: readonly unknown[]) {
  return { field: new Field('v', type, true), vector: vectorFromArray(values, type) }
}

describe('toCsv', () => {
  it.each([1, 2, 4])('writes a line of names and one per row, in batches of %i', async (size) => {
    const batches = [0, 1, 2, 3].flatMap((i) => (i % size === 0 ? [rows.slice(i, i + size)] : []))
    expect(await write(batches)).toBe(text)
    expect(await readdir(folder)).toEqual(['rows.csv'])
  })

  it.each([
    [
      'floats',
      columnOf(new Float64(), [0.1, null, NaN, -Infinity]),
      ['0.1', '""', 'NaN', '-Infinity'],
    ],
    ['large integers', columnOf(new Int64(), [-(2n ** 60n), 5n]), [String(-(2n ** 60n)), '5']],
    [
      'decimals',
      columnOf(new Decimal(2, 10, 128), [
        Uint32Array.of(2 ** 32 - 5, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1),
      ]),
      ['-0.05'],
    ],
    ['dates', columnOf(new DateDay(), [new Date(86_400_000)]), ['1970-01-02T00:00:00.000Z']],
    ['tensors', { ...tensorColumn('v', [2], Float32Array.of(1, NaN)) }, ['"[1,null]"']],
    ['formulas', textColumn('v', ['=1+1', '@x', 'a-b']), ["'=1+1", "'@x", 'a-b']],
  ])('writes %s', async (_, column, values) => {
    const written = await write([batchOf([column])], { escapeFormulas: true })
    expect(written).toBe(['v', ...values, ''].join('\n'))
  })

  it('takes other separators, and quotes what holds one', async () => {
    const batch = batchOf([textColumn('a;b', ['1;2', 'x,y']), int32Column('n', [1, 2])])
    expect(await write([batch], { separator: ';' })).toBe('"a;b";n\n"1;2";1\nx,y;2\n')
  })

  it('writes chosen columns, heavy ones only when chosen', async () => {
    const image = textColumn('image', ['…'])
    const batch = batchOf([{ ...image, field: heavy(image.field) }, int32Column('n', [1])])
    expect(await write([batch])).toBe('n\n1\n')
    expect(await write([batch], { columns: ['n', 'image'] })).toBe('n,image\n1,…\n')
    await expect(write([batch], { columns: ['m'] })).rejects.toMatchObject({ column: 'm' })
  })

  it('writes the names alone for no rows, and asks for them where nobody knows them', async () => {
    const none = flowOf<RecordBatch>([]).pipe(declare(rows.schema))
    await lastValueFrom(none.pipe(toCsv(at('x'))))
    expect(await readFile(at('x'), 'utf8')).toBe('id,n\n')
    await expect(write([])).rejects.toMatchObject({ code: 'SCHEMA' })
  })

  it('goes on after a checkpoint without a second line of names', async () => {
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
    const first = flowOf(crashing.pipe(toCsv(at('x'))))
    await expect(pulled(first, runFrom(new Map()))).rejects.toThrow('crash')
    const run = runFrom(barrier.states)
    const second = flowOf(flowOf([rows]).pipe(toCsv(at('x'))))
    expect(await pulled(second, run)).toMatchObject([{ rows: 8 }])
    for (const { publish } of run.publications) await publish()
    expect(await readFile(at('x'), 'utf8')).toBe(text + text.slice('id,n\n'.length))
  })

  it.each<[string, ToCsvOptions]>([
    [
      'Expected toCsv to be given only known options, got `column`; did you mean `columns`?',
      { column: 1 } as ToCsvOptions,
    ],
    [
      "Expected option `separator` to be one of ',', ';', '\t', got `|` (string); did you mean `,`?",
      { separator: '|' } as unknown as ToCsvOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => toCsv('x', options)).toThrow(expect.objectContaining({ code: 'OPTION', message }))
  })
})
