import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromJsonl, type FromJsonlOptions } from '../../connectors/from-jsonl.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'
import { gather, type Gathered, values } from '../helpers/pictures.ts'
import { plainValues } from '../helpers/every-type.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-jsonl-'))
  for (const name of ['a', 'b']) await writeFile(join(folder, `${name}.png`), name)
})
afterAll(() => rm(folder, { recursive: true }))

async function file(lines: readonly string[] | Uint8Array): Promise<string> {
  const path = join(folder, 'rows.jsonl')
  await writeFile(path, lines instanceof Uint8Array ? lines : lines.join('\n'))
  return path
}

async function read(
  lines: readonly string[] | Uint8Array,
  options?: FromJsonlOptions,
): Promise<Gathered> {
  return gather(fromJsonl(await file(lines), options))
}

describe('fromJsonl', () => {
  it.each<{
    name: string
    values: readonly string[]
    type: string
    expected: readonly unknown[]
  }>([
    { name: 'integers', values: ['1', '-2', 'null'], type: 'Int64', expected: ['1n', '-2n', null] },
    {
      name: 'large integers',
      values: ['9007199254740993', '-9223372036854775808'],
      type: 'Int64',
      expected: ['9007199254740993n', '-9223372036854775808n'],
    },
    {
      name: 'integers beyond 64 bits',
      values: ['18446744073709551616', '1'],
      type: 'Utf8',
      expected: ['18446744073709551616', '1'],
    },
    { name: 'numbers', values: ['1', '2.5', '1e3'], type: 'Float64', expected: [1, 2.5, 1000] },
    { name: 'booleans', values: ['true', 'false'], type: 'Bool', expected: [true, false] },
    { name: 'text', values: ['"a"', '"1"', '""'], type: 'Utf8', expected: ['a', '1', ''] },
    { name: 'text and numbers', values: ['"a"', '1.5'], type: 'Utf8', expected: ['a', '1.5'] },
    { name: 'nothing', values: ['null', 'null'], type: 'Utf8', expected: [null, null] },
    {
      name: 'lists of numbers',
      values: ['[1, 2.5]', '[]'],
      type: 'List<Float64>',
      expected: [[1, 2.5], []],
    },
    {
      name: 'lists of texts',
      values: ['["a", "b"]', 'null'],
      type: 'List<Utf8>',
      expected: [['a', 'b'], null],
    },
    {
      name: 'what is nested',
      values: ['{"a": [1, {"b": 12345678901234567890}]}', '[[1], "x"]'],
      type: 'Utf8',
      expected: ['{"a":[1,{"b":12345678901234567890}]}', '[[1],"x"]'],
    },
  ])('reads $name', async ({ values: given, type, expected }) => {
    const { batches } = await read(given.map((value, i) => `{"id": "${String(i)}", "x": ${value}}`))
    expect(String(batches[0]?.schema.fields[1]?.type)).toBe(type)
    expect(plainValues(batches[0]?.getChild('x') as never)).toEqual(expected)
  })

  it('reads boxes, and tensors where their length is given', async () => {
    const lines = [
      '{"id": "1", "boxes": [[0, 1, 2, 3], [4, 5, 6, 7.5]], "embedding": [1, 2, 3]}',
      '{"id": "2", "boxes": [], "embedding": [4, 5, 6]}',
    ]
    const { batches } = await read(lines, { types: { embedding: 'Float32[3]' } })
    expect(batches[0]?.schema.fields.map((f) => `${f.name}: ${String(f.type)}`)).toEqual([
      'id: Utf8',
      'boxes: List<FixedSizeList[4]<Float64>>',
      'embedding: FixedSizeList[3]<Float32>',
    ])
    expect(plainValues(batches[0]?.getChild('boxes') as never)).toEqual([
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7.5],
      ],
      [],
    ])
  })

  it('reads pictures, and columns in the order in which they first come', async () => {
    const lines = [
      '{"n": 1, "path": "b.png"}',
      '',
      '{"label": 3, "path": "a.png", "m": 2, "n": 7}',
      '  ',
    ]
    const { batches } = await read(lines, { idColumn: 'n', labelNames: ['a', 'b', 'c', 'd'] })
    expect(batches[0]?.schema.fields.map((f) => f.name)).toEqual([
      ...['id', 'uri', 'label', 'split', 'image', 'bytes', 'm'],
    ])
    expect(values(batches, 'id')).toEqual(['1', '7'])
    expect(values(batches, 'label')).toEqual([null, 'd'])
  })

  it('says what is at fault with a line, and goes on behind it', async () => {
    const lines = [
      '{"id": "a", "n": 1}',
      '{"id": "b", "n": ',
      '[1]',
      '"x"',
      '{"id": "c", "n": 1, "n": 2}',
      '{"id": "d", "nested": {"n": 1, "id": 2}, "n": 4}',
      '{"id": "e", "n": "many"}',
      '{"n": 4}',
      '{"id": "f", "n": 5}',
      '{"id": "\\"n\\":", "n": 6}',
    ]
    const { batches, rejects } = await read(lines, { onError: 'reject', types: { n: 'Int32' } })
    expect(values(batches, 'id')).toEqual(['a', 'd', 'f', '"n":'])
    expect(rejects.map(({ id, code }) => [id, code])).toEqual([
      ['rows.jsonl#1', 'FORMAT'],
      ['rows.jsonl#2', 'FORMAT'],
      ['rows.jsonl#3', 'FORMAT'],
      ['rows.jsonl#4', 'FORMAT'],
      ['rows.jsonl#6', 'CAST'],
      ['rows.jsonl#7', 'MISSING'],
    ])
    expect(rejects[2]?.message).toBe('Expected a JSON object, got string (line 4, byte 42)')
    expect(rejects[3]?.message).toBe('Expected each key once, got one twice (line 5, byte 46)')
  })

  it('passes over lines of white space as JSON has it, and no others', async () => {
    const lines = ['{"id": "a"}', ' \t', '', '\u00a0', '\ufeff', '{"id": "b"}']
    const { batches, rejects } = await read(lines, { onError: 'reject' })
    expect(values(batches, 'id')).toEqual(['a', 'b'])
    expect(rejects.map(({ code }) => code)).toEqual(['FORMAT', 'FORMAT'])
  })

  it('refuses a key that comes too late to be a column, unless its type is given', async () => {
    const lines = [...Array<string>(60_000).fill('{"id": "abcdefgh"}'), '{"id": "x", "late": 1}']
    const { rejects } = await read(lines, { onError: 'reject' })
    expect(rejects).toMatchObject([{ id: 'rows.jsonl#60000', code: 'FORMAT' }])
    const types = { late: 'Int32' } as const
    const { batches } = await read(lines.slice(-2), { types })
    expect(values(batches, 'late')).toEqual([null, 1])
  })

  it('is not led astray by the names of what every object has', async () => {
    const lines = ['{"id": "a", "__proto__": 1, "constructor": 2}', '{"id": "b"}']
    const { batches } = await read(lines)
    expect(values(batches, '__proto__')).toEqual([1n, null])
    expect(values(batches, 'constructor')).toEqual([2n, null])
  })

  it('refuses what is nested without end', async () => {
    const deep = `{"id": "a", "x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    const { batches, rejects } = await read([deep, '{"id": "b", "x": 1}'], { onError: 'reject' })
    expect(values(batches, 'id')).toEqual(['b'])
    expect(rejects).toMatchObject([{ code: 'FORMAT' }])
  })

  it('reads what toJsonl writes', async () => {
    const lines = ['{"id":"a","n":1,"x":[1,2],"t":null}', '{"id":"b","n":null,"x":null,"t":"é"}']
    const flow = fromJsonl(await file(lines))
    const out = join(folder, 'again.jsonl')
    await lastValueFrom(flow.pipe(toJsonl(out)))
    const [first, again] = [await gather(flow), await gather(fromJsonl(out))]
    expect(again.batches.map((b) => b.toArray().map(String))).toEqual(
      first.batches.map((b) => b.toArray().map(String)),
    )
  })

  it.each([1, 3, 100])('goes on after every value, in batches of %i', async (batchRows) => {
    const lines = Array.from({ length: 10 }, (_, i) =>
      i % 4 === 1 ? '{' : `{"id": "é${String(i)}", "path": "${i === 6 ? 'none' : 'a'}.png"}`,
    )
    const path = await file(lines)
    const flow = () => fromJsonl(path, { batchRows, onError: 'reject' })
    const whole = await came(flow())
    expect([whole.rows.length, whole.rejects.length]).toEqual([6, 4])
    let parts = 0
    for (let after; (after = await cameInTwo(flow, 'fromJsonl', parts + 1)); parts++)
      expect(after).toEqual(whole)
    expect(parts).toBeGreaterThanOrEqual(Math.min(10, Math.ceil(10 / batchRows)))
  })

  it('stops when it is left', async () => {
    const path = await file(Array<string>(1000).fill('{"n": 1}'))
    const first = await lastValueFrom(fromJsonl(path, { batchRows: 1 }).pipe(take(1)))
    expect(first.numRows).toBe(1)
  })

  it.each<[string, readonly string[] | Uint8Array]>([
    ['is empty', []],
    ['has empty lines only', ['', '']],
    ['is no JSON', ['a,b', '1,2']],
    ['is one list', ['[{"a": 1}]']],
    ['is no text', Buffer.from([0x50, 0x41, 0, 1])],
  ])('fails on a file that %s', async (_, lines) => {
    const error = { code: 'DATA', url: join(folder, 'rows.jsonl') }
    await expect(read(lines, { onError: 'reject' })).rejects.toMatchObject(error)
  })

  it('fails on a file that is missing, and on a line that is cut', async () => {
    const missing = gather(fromJsonl(join(folder, 'none.jsonl')))
    await expect(missing).rejects.toMatchObject({ code: 'CONNECTOR', retryable: false })
    await expect(read(['{"a": 1}', '{"a": '])).rejects.toMatchObject({ code: 'DATA' })
  })
})
