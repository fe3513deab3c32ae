import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromCsv, type FromCsvOptions } from '../../connectors/from-csv.ts'
import { countsOf } from '../helpers/runs.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'
import { gather, type Gathered, values } from '../helpers/pictures.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-csv-'))
  await mkdir(join(folder, 'set', 'photos'), { recursive: true })
  for (const name of ['a', 'b', 'c'])
    await writeFile(join(folder, 'set', 'photos', `${name}.png`), name.repeat(3))
  await writeFile(join(folder, 'secret.png'), 'secret')
})
afterAll(() => rm(folder, { recursive: true }))

/** Writes a file beside the photos. */
async function file(content: string | Uint8Array, name = 'rows.csv'): Promise<string> {
  const path = join(folder, 'set', name)
  await writeFile(path, content)
  return path
}

async function read(content: string | Uint8Array, options?: FromCsvOptions): Promise<Gathered> {
  return gather(fromCsv(await file(content), options))
}

/** Rows as objects, without what is known of their pictures. */
function rows({ batches }: Gathered): Record<string, unknown>[] {
  const left = new Set(['uri', 'image', 'bytes'])
  return batches.flatMap((batch) =>
    [...batch].map((row) =>
      Object.fromEntries(Object.entries(row.toJSON()).filter(([name]) => !left.has(name))),
    ),
  )
}

function fields({ batches }: Gathered): string[] {
  return (batches[0]?.schema.fields ?? []).map((f) => `${f.name}: ${String(f.type)}`)
}

describe('fromCsv', () => {
  it.each<{
    name: string
    text: string | Uint8Array
    options?: FromCsvOptions
    expected: readonly (readonly unknown[])[]
  }>([
    {
      name: 'lines of LF',
      text: 'x,y\na,b\nc,d\n',
      expected: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    },
    {
      name: 'lines of CRLF',
      text: 'x,y\r\na,b\r\nc,d',
      expected: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    },
    { name: 'a mark of UTF-8', text: '\ufeffx,y\na,é\n', expected: [['a', 'é']] },
    { name: 'quotes', text: '"x","y"\n"a","say ""b"""\n', expected: [['a', 'say "b"']] },
    { name: 'separators in quotes', text: 'x,y\n"a,b",c\n', expected: [['a,b', 'c']] },
    {
      name: 'line ends in quotes',
      text: 'x,y\r\n"1\n2\r\n3",c\r\n"","4\n"\r\n',
      expected: [
        ['1\n2\r\n3', 'c'],
        ['', '4\n'],
      ],
    },
    { name: 'quotes in the middle', text: 'x,y\na 5" nail,b\n', expected: [['a 5" nail', 'b']] },
    { name: 'nothing, and nothing in quotes', text: 'x,y\n,""\n', expected: [[null, '']] },
    { name: 'empty lines', text: '\nx,y\n\r\n\na,b\n\n', expected: [['a', 'b']] },
    { name: 'spaces', text: 'x,y\n a , b\n', expected: [[' a ', ' b']] },
    {
      name: 'another separator',
      text: 'x;y\na,1;b\n',
      options: { separator: ';' },
      expected: [['a,1', 'b']],
    },
    {
      name: 'no header',
      text: 'a,b\nc,d\n',
      options: { header: false },
      expected: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    },
  ])('reads $name', async ({ text, options, expected }) => {
    const got = rows(await read(text, options))
    expect(got.map((row) => Object.values(row).slice(1))).toEqual(expected)
  })

  it('takes the narrowest type that the values fit, text for what only looks like numbers', async () => {
    const text = [
      'n,f,b,zip,phone,big,mixed,none',
      '1,1.5,true,01234,+49,9007199254740993,1,',
      '-2,NaN,False,99999,+1,9223372036854775807,x,',
      ',1e3,,1,+2,1,2,""',
    ]
    const got = await read(text.join('\n'))
    expect(fields(got)).toEqual([
      'id: Utf8',
      'n: Int64',
      'f: Float64',
      'b: Bool',
      'zip: Utf8',
      'phone: Utf8',
      'big: Int64',
      'mixed: Utf8',
      'none: Utf8',
    ])
    expect(values(got.batches, 'n')).toEqual([1n, -2n, null])
    expect(values(got.batches, 'f')).toEqual([1.5, NaN, 1000])
    expect(values(got.batches, 'b')).toEqual([true, false, null])
    expect(values(got.batches, 'big')).toEqual([9007199254740993n, 9223372036854775807n, 1n])
    expect(values(got.batches, 'id')).toEqual(['rows.csv#0', 'rows.csv#1', 'rows.csv#2'])
  })

  it('takes the types that are given', async () => {
    const text = 'n,e,boxes\n7,"[1, 2.5]","[[0,1,2,3],[4,5,6,7]]"\n8,"[3,4]",[]\n'
    const types = { n: 'Utf8', e: 'Float32[2]', boxes: 'boxes' } as const
    const got = await read(text, { types })
    expect(fields(got).slice(1)).toEqual([
      'n: Utf8',
      'e: FixedSizeList[2]<Float32>',
      'boxes: List<FixedSizeList[4]<Float64>>',
    ])
    const [first, second] = values(got.batches, 'boxes') as Iterable<Iterable<number>>[]
    expect([...(first ?? [])].map((box) => [...box])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
    expect([...(second ?? [])]).toEqual([])
    expect([...(values(got.batches, 'e')[1] as Iterable<number>)]).toEqual([3, 4])
  })

  it('reads the pictures that a column points to', async () => {
    const text = 'n,File_Name,label,split\n1,photos/b.png,cat,train\n2,photos/a.png,,test\n'
    const got = await read(text)
    expect(fields(got)).toEqual([
      'id: Utf8',
      'uri: Utf8',
      'label: Utf8',
      'split: Utf8',
      'image: Binary',
      'bytes: Int32',
      'n: Int64',
    ])
    expect(rows(got)).toEqual([
      { id: 'photos/b.png', label: 'cat', split: 'train', n: 1n },
      { id: 'photos/a.png', label: null, split: 'test', n: 2n },
    ])
    expect(values(got.batches, 'image').map((v) => String(Buffer.from(v as Uint8Array)))).toEqual([
      'bbb',
      'aaa',
    ])
    expect(values(got.batches, 'bytes')).toEqual([3, 3])
    const uri = pathToFileURL(join(folder, 'set/photos/b.png')).href
    expect(values(got.batches, 'uri')[0]).toBe(uri)
    const schema = await fromCsv(await file(text)).schema()
    expect(String(schema)).toBe(String(got.batches[0]?.schema))
  })

  it('takes ids, labels and splits from the columns that are named', async () => {
    const text = 'key,where,class,part\n5,photos/a.png,1,x\n6,photos/b.png,0,y\n'
    const got = await read(text, {
      ...{ idColumn: 'key', pathColumn: 'where', labelColumn: 'class', splitColumn: 'part' },
      ...{ labelNames: ['cat', 'dog'], name: 'mine' },
    })
    expect(rows(got)).toEqual([
      { id: 'mine/5', label: 'dog', split: 'x' },
      { id: 'mine/6', label: 'cat', split: 'y' },
    ])
    const plain = await read(text, { pathColumn: false, split: 'val' })
    expect(rows(plain)[0]).toEqual({
      ...{ id: 'rows.csv#0', split: 'val', key: 5n, where: 'photos/a.png', class: 1n, part: 'x' },
    })
  })

  it('says what is at fault with a row, and goes on behind it', async () => {
    const latin1 = Buffer.from('photos/b.png,\xe9,3\n', 'latin1')
    const text = Buffer.concat([
      Buffer.from('path,text,n\nphotos/a.png,x,1\nphotos/a.png,x\n'),
      latin1,
      Buffer.from('photos/a.png,"x"y,1\n,x,1\nphotos/a.png,x,many\nphotos/c.png,x,2\n'),
      Buffer.from('photos/a.png,"x,1\nphotos/b.png,x,2\n'),
    ])
    const { batches, rejects, run } = await gather(
      fromCsv(await file(text), { onError: 'reject', types: { n: 'Int64' } }),
    )
    expect(values(batches, 'id')).toEqual(['photos/a.png', 'photos/c.png', 'photos/b.png'])
    expect(rejects.map(({ id, code, message }) => [id, code, message])).toEqual([
      ['rows.csv#1', 'FORMAT', 'Expected 3 fields, got 2 (line 3, byte 29)'],
      ['rows.csv#2', 'FORMAT', 'Expected text in UTF-8, got other bytes (line 4, byte 44)'],
      [
        'rows.csv#3',
        'FORMAT',
        'Expected a separator or the end of the line behind closing quotes, got text (line 5, byte 61)',
      ],
      ['rows.csv#4', 'MISSING', 'Expected a value in column `path`, got none (line 6, byte 81)'],
      ['rows.csv#5', 'CAST', 'Expected column `n` to be Int64, got `many` (line 7, byte 86)'],
      [
        'rows.csv#7',
        'FORMAT',
        'Expected closing quotes within 16777216 bytes, got none (line 9, byte 123)',
      ],
    ])
    expect(countsOf(run)['fromCsv']).toEqual({ rowsIn: 9, rowsKept: 3, rejected: 6, dropped: 0 })
    const dropped = await gather(fromCsv(await file(text), { onError: 'drop' }))
    expect(countsOf(dropped.run)['fromCsv']).toMatchObject({ rowsKept: 4, dropped: 5 })
    await expect(read(text)).rejects.toMatchObject({
      code: 'DATA',
      url: join(folder, 'set/rows.csv'),
      message: 'Expected 3 fields, got 2 (line 3, byte 29) (fromCsv of `rows.csv#1`)',
    })
  })

  it('refuses paths that lead out of the root, and says what is missing', async () => {
    await symlink('../../secret.png', join(folder, 'set/photos/link.png'))
    await mkdir(join(folder, 'set/photos/folder.png'))
    const paths = [
      '../secret.png',
      join(folder, 'secret.png'),
      pathToFileURL(join(folder, 'secret.png')).href,
      'photos/link.png',
      'photos/none.png',
      'photos/folder.png',
      'photos/../photos/a.png',
      join(folder, 'set/photos/b.png'),
    ]
    const text = `path\n${paths.join('\n')}\n`
    const { batches, rejects } = await read(text, { onError: 'reject' })
    expect(values(batches, 'id')).toEqual(paths.slice(6))
    expect(rejects.map(({ id, code }) => [id, code])).toEqual([
      ...paths.slice(0, 4).map((path) => [path, 'OUTSIDE']),
      ['photos/none.png', 'MISSING'],
      ['photos/folder.png', 'UNREADABLE'],
    ])
    const all = await read(text, { onError: 'reject', links: 'all' })
    expect(values(all.batches, 'id')).toEqual([...paths.slice(0, 4), ...paths.slice(6)])
    const wide = await read('path\nset/photos/link.png\n', { root: folder })
    expect(values(wide.batches, 'bytes')).toEqual([6])
  })

  it('reads a list and its pictures over HTTP', async () => {
    const list = 'path\nphotos/a b.png\nhttp://HOST/other/c.png\n../d.png\nphotos/none.png\n'
    const server = createServer((request, response) => {
      const { url = '', headers } = request
      if (url.includes('none')) response.writeHead(404).end()
      else response.end(url === '/set/rows.csv' ? list.replace('HOST', headers.host ?? '') : url)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
    try {
      const flow = fromCsv(`http://${host}/set/rows.csv`, { onError: 'reject' })
      const { batches, rejects } = await gather(flow)
      expect(values(batches, 'uri')).toEqual([
        `http://${host}/set/photos/a%20b.png`,
        `http://${host}/other/c.png`,
      ])
      expect(values(batches, 'image').map((v) => String(Buffer.from(v as Uint8Array)))).toEqual([
        '/set/photos/a%20b.png',
        '/other/c.png',
      ])
      expect(rejects.map(({ id, code }) => [id, code])).toEqual([
        ['../d.png', 'OUTSIDE'],
        ['photos/none.png', 'MISSING'],
      ])
    } finally {
      server.close()
    }
  })

  const mixed = `path,n\n${Array.from({ length: 12 }, (_, i) =>
    i % 4 === 2 ? 'bad' : `photos/${'abc'.charAt(i % 3)}.png,"${String(i)}"`,
  ).join('\n')}\n`

  it.each([1, 2, 5, 100])('goes on after every value, in batches of %i', async (batchRows) => {
    const path = await file(mixed)
    const flow = () => fromCsv(path, { batchRows, onError: 'reject' })
    const whole = await came(flow())
    expect([whole.rows.length, whole.rejects.length]).toEqual([9, 3])
    let parts = 0
    for (let after; (after = await cameInTwo(flow, 'fromCsv', parts + 1)); parts++)
      expect(after).toEqual(whole)
    expect(parts).toBeGreaterThanOrEqual(batchRows < 12 ? Math.floor(12 / batchRows) : 2)
  })

  it('goes on at the byte where the next record is, and reads nothing before it again', async () => {
    const path = await file('n\n1\n2\n3\n')
    const flow = () => fromCsv(path, { batchRows: 1 })
    const before = await cameInTwo(flow, 'fromCsv', 2)
    expect(before?.rows).toEqual(['rows.csv#0', 'rows.csv#1', 'rows.csv#2'])
  })

  it('cuts batches by rows and by bytes', async () => {
    const path = await file(`path\n${'photos/a.png\n'.repeat(7)}`)
    const sizes = async (options: FromCsvOptions) =>
      (await gather(fromCsv(path, options))).batches.map((batch) => batch.numRows)
    expect(await sizes({ batchRows: 3 })).toEqual([3, 3, 1])
    expect(await sizes({ batchBytes: 40 })).toEqual([2, 2, 2, 1])
    expect(await sizes({ batchBytes: 1 })).toEqual([1, 1, 1, 1, 1, 1, 1])
  })

  it('reads no picture when nobody wants them', async () => {
    const path = await file('path\nphotos/a.png\nphotos/none.png\n')
    const flow = fromCsv(path, { onError: 'reject' })
    const { batches, rejects } = await gather(flow, { columns: [] })
    expect(batches[0]?.schema.fields.map((f) => f.name)).not.toContain('image')
    expect(values(batches, 'bytes')).toEqual([3])
    expect(rejects).toMatchObject([{ code: 'MISSING' }])
  })

  it('holds little of a long list, and of a field without end', async () => {
    const line = 'some text,12,0.5\n'
    const path = await file(`a,b,c\n${line.repeat(30_000)}"${'x'.repeat(2 ** 24)}\nlast,1,1\n`)
    const { batches, rejects } = await gather(fromCsv(path, { onError: 'reject' }))
    expect(batches.reduce((sum, batch) => sum + batch.numRows, 0)).toBe(30_001)
    expect(rejects).toMatchObject([{ id: 'rows.csv#30000', code: 'TOO_LARGE' }])
  })

  it('stops when it is left', async () => {
    const path = await file(`n\n${'1\n'.repeat(10_000)}`)
    const first = await lastValueFrom(fromCsv(path, { batchRows: 1 }).pipe(take(1)))
    expect(first.numRows).toBe(1)
  })

  it('gives no rows of a header alone', async () => {
    expect((await read('path,n\n')).batches).toEqual([])
  })

  it.each<[string, string | Uint8Array, object]>([
    ['is empty', '', { code: 'DATA' }],
    ['has empty lines only', '\n\n', { code: 'DATA' }],
    ['is UTF-16', Buffer.from('\ufeffa,b\n', 'utf16le'), { code: 'DATA' }],
    ['is no text', Buffer.from([1, 2, 0, 3]), { code: 'DATA' }],
    ['has a header of other bytes', Buffer.from([0xff, 0x2c]), { code: 'DATA' }],
    ['has a column twice', 'a,b,a\n1,2,3\n', { code: 'DATA' }],
  ])('fails on a file that %s', async (_, content, error) => {
    await expect(read(content)).rejects.toMatchObject({
      ...error,
      url: join(folder, 'set/rows.csv'),
    })
  })

  it('fails on a file that is missing, and a row that is cut', async () => {
    await expect(gather(fromCsv(join(folder, 'none.csv')))).rejects.toMatchObject({
      code: 'CONNECTOR',
      cause: { code: 'ENOENT' },
    })
    const path = await file('a,b\n1,2\n3,"4"\n')
    await truncate(path, 11)
    await expect(gather(fromCsv(path))).rejects.toMatchObject({ code: 'DATA' })
  })

  it.each<[FromCsvOptions, object]>([
    [
      { pathColumn: 'paths' },
      {
        ...{ code: 'SCHEMA', column: 'paths' },
        message: expect.stringMatching(
          /^Expected column `paths` for .*\/rows\.csv, got columns path, n; did you mean `path`\?$/,
        ) as string,
      },
    ],
    [{ labelColumn: 'x' }, { code: 'SCHEMA', column: 'x' }],
    [{ types: { m: 'Int64' } }, { code: 'SCHEMA', column: 'm' }],
  ])('fails where there is no such column: %o', async (options, error) => {
    await expect(read('path,n\nphotos/a.png,1\n', options)).rejects.toMatchObject(error)
  })

  it.each<[string, FromCsvOptions]>([
    [
      'Expected fromCsv to be given only known options, got `seperator`; did you mean `separator`?',
      { seperator: ';' } as FromCsvOptions,
    ],
    [
      "Expected option `separator` to be one of ',', ';', '\t', '|', got `:` (string); did you mean `,`?",
      { separator: ':' as ';' },
    ],
    [
      'Expected the type of column `n` to be one of Utf8, Bool, Int32, Int64, Float32, Float64, List<Float64>, List<Utf8>, boxes or Float32[n], got `Int`; did you mean `Int32`?',
      { types: { n: 'Int' as 'Int32' } },
    ],
    ['Expected option `header` to be true or false, got `1` (number)', { header: 1 as never }],
    ['Expected option `batchRows` to be a positive integer, got `0` (number)', { batchRows: 0 }],
    ['Expected option `pathColumn` to be a non-empty string, got `` (string)', { pathColumn: '' }],
  ])('says: %s', (message, options) => {
    expect(() => fromCsv('x.csv', options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
