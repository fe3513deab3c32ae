import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, take, toArray } from 'rxjs'
import { type Header, pack } from 'tar-stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromTar, type FromTarOptions } from '../../connectors/from-tar.ts'
import { Barrier, Control, Rejects } from '../../src/flow/control.ts'
import { Run } from '../../src/run/run-state.ts'
import { TarSample } from '../../src/tar/tar-sample.ts'
import { countsOf, pulled, runFrom } from '../helpers/runs.ts'
import { tarArchive, tarMember } from '../helpers/tar-blocks.ts'

let folder: string
const at = (name: string) => join(folder, name)

type Member = readonly [name: string, content: string | Uint8Array, header?: Partial<Header>]

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const archive = pack()
  for (const [name, content, header] of members)
    archive.entry({ name, ...header }, content as string)
  archive.finalize()
  const pieces: Buffer[] = []
  for await (const piece of archive) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

const members: readonly Member[] = [
  ['a/000.jpg', 'jpg-0'],
  ['a/000.cls', '7\n'],
  ['a/001.cls', 'cat'],
  ['a/001.png', 'png-1'],
  ['a/001.json', '{"label":"dog","width":3}'],
  ['b/000.jpeg', 'jpg-2'],
  ['b/000.json', '{"label":5,"tags":["x"]}'],
  ['b/001.webp', 'webp-3'],
  ['b/001.txt', 'a caption'],
  [`${'long/'.repeat(60)}name.jpg`, 'jpg-4'],
  ['naïve.jpg', 'jpg-5'],
]
const ids = ['a/000', 'a/001', 'b/000', 'b/001', `${'long/'.repeat(60)}name`, 'naïve']

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-tar-'))
  const tar = await tarOf(members)
  await writeFile(at('plain.tar'), tar)
  await writeFile(at('small.tar.gz'), gzipSync(tar))
})

async function read(name: string | string[], options?: FromTarOptions): Promise<RecordBatch[]> {
  const paths = typeof name === 'string' ? at(name) : name.map(at)
  return lastValueFrom(fromTar(paths, options).pipe(toArray()))
}

async function made(name: string, list: readonly Member[]): Promise<string> {
  await writeFile(at(name), await tarOf(list))
  return name
}

function values(batches: readonly RecordBatch[], name: string): unknown[] {
  return batches.flatMap((batch) =>
    [...(batch.getChild(name) ?? [])].map((value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    ),
  )
}

/** What a run makes of an archive: the ids of rows, the rejects and the counts. */
async function outcome(name: string, options?: FromTarOptions) {
  const run = new Run()
  const out = await pulled(fromTar(at(name), options), run)
  return {
    ids: values(
      out.filter((v): v is RecordBatch => !(v instanceof Control)),
      'id',
    ),
    rejects: out.flatMap((v) => (v instanceof Rejects ? v.rows.map((r) => [r.id, r.code]) : [])),
    counts: Object.values(countsOf(run))[0],
  }
}

describe('fromTar', () => {
  it.each(['plain.tar', 'small.tar.gz'])('pairs the members of %s by key', async (name) => {
    const batches = await read(name, { batchRows: 4 })
    expect(batches.map((b) => b.numRows)).toEqual([4, 2])
    expect(values(batches, 'id')).toEqual(ids)
    expect(values(batches, 'label')).toEqual(['7', 'cat', '5', 'a caption', null, null])
    expect(values(batches, 'image')).toEqual([
      'jpg-0',
      'png-1',
      'jpg-2',
      'webp-3',
      'jpg-4',
      'jpg-5',
    ])
    expect(values(batches, 'bytes')).toEqual([5, 5, 5, 6, 5, 5])
    expect(values(batches, 'json')).toEqual([
      null,
      '{"label":"dog","width":3}'.replace('"label":"dog",', ''),
      '{"tags":["x"]}',
      null,
      null,
      null,
    ])
    expect(values(batches, 'uri')[1]).toBe(`file://${at(name)}#a/001.png`)
    expect(String(await fromTar(at(name)).schema())).toBe(String(batches[0]?.schema))
  })

  it('takes chosen members as bytes, and ignores the others', async () => {
    const name = await made('numbers.tar', [
      ['0.jpg', 'x'],
      ['0.npy', 'numbers'],
      ['0.pth', 'pickle'],
      ['0.seg.png', 'mask'],
      ['1.jpg', 'y'],
    ])
    const batches = await read(name, { columns: ['npy', 'seg.png'] })
    expect(values(batches, 'npy')).toEqual(['numbers', null])
    expect(values(batches, 'seg.png')).toEqual(['mask', null])
    expect(values(batches, 'image')).toEqual(['x', 'y'])
    expect((await read(name))[0]?.getChild('pth')).toBeNull()
  })

  it('puts the archive before the key where there are several', async () => {
    await mkdir(at('shards/deep'), { recursive: true })
    await made('shards/one.tar', [['k.jpg', 'x']])
    await made('shards/deep/two.tgz', [])
    await writeFile(at('shards/deep/two.tgz'), gzipSync(await tarOf([['k.jpg', 'y']])))
    await writeFile(at('shards/README.md'), 'no archive')
    const expected = ['s/deep/two/k', 's/one/k']
    expect(values(await read('shards', { sourceName: 's' }), 'id')).toEqual(expected)
    expect(values(await read('shards/**/*.t*', { sourceName: 's' }), 'id')).toEqual(expected)
    const both = await read(['shards/one.tar', 'shards/deep/two.tgz'])
    expect(values(both, 'id')).toEqual(['one/k', 'deep/two/k'])
  })

  it('reads over HTTP as from disk', async () => {
    const tar = await readFile(at('plain.tar'))
    const server = createServer((request, response) => {
      const [, from = '0', to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
      const end = to ? Number(to) + 1 : tar.length
      response.writeHead(request.headers.range ? 206 : 200, {
        'accept-ranges': 'bytes',
        etag: '"1"',
        'content-length': end - Number(from),
        'content-range': `bytes ${from}-${String(end - 1)}/${String(tar.length)}`,
      })
      response.end(request.method === 'HEAD' ? undefined : tar.subarray(Number(from), end))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${String(port)}/plain.tar`
    const batches = await lastValueFrom(fromTar(url).pipe(toArray()))
    server.closeAllConnections()
    server.close()
    expect(values(batches, 'id')).toEqual(ids)
    expect(values(batches, 'image')[4]).toBe('jpg-4')
  })

  it.each(['plain.tar', 'small.tar.gz'])('goes on after each sample of %s', async (name) => {
    const flow = () => fromTar([at(name), at('plain.tar')], { batchRows: 1 })
    const whole = values(await lastValueFrom(flow().pipe(toArray())), 'uri')
    expect(whole).toHaveLength(12)
    for (let stop = 1; stop <= whole.length; stop++) {
      const barrier = new Barrier(1)
      const { signal } = new AbortController()
      const run = new Run()
      let seen = 0
      for await (const value of flow().pull({ signal, run })) {
        if (value instanceof Control) break
        if (++seen === stop) run.request(barrier)
      }
      const rest = await pulled(flow(), runFrom(barrier.states))
      expect(values(rest as RecordBatch[], 'uri')).toEqual(whole.slice(stop))
    }
  })

  it('leaves out heavy columns that nobody wants, without reading them', async () => {
    const context = { signal: new AbortController().signal, columns: new Set<string>() }
    for await (const value of fromTar(at('plain.tar'), { columns: ['npy'] }).pull(context)) {
      const batch = value as RecordBatch
      expect(batch.schema.fields.map((f) => f.name)).toEqual([
        'id',
        'uri',
        'label',
        'bytes',
        'json',
      ])
      expect(values([batch], 'bytes')).toEqual([5, 5, 5, 6, 5, 5])
    }
  })

  it('counts what it ignores: links, devices, hidden and other files', async () => {
    await symlink('/etc/passwd', at('link'))
    const name = await made('ignored.tar', [
      ['/dev/sda', '', { type: 'block-device' }],
      ['README', 'x'],
      ['.hidden.jpg', 'x'],
      ['a.jpg', 'x'],
      ['b.jpg', '', { type: 'symlink', linkname: '/etc/passwd' }],
      ['folder', '', { type: 'directory' }],
      ['notes.txt', 'alone'],
      ['c.cls', '3'],
    ])
    const { ids, counts } = await outcome(name)
    expect(ids).toEqual(['a', 'c'])
    expect(counts).toEqual({ rowsIn: 7, rowsKept: 2, rejected: 0, dropped: 5 })
  })

  describe('rejects a sample', () => {
    const odd: readonly Member[] = [
      ['a.jpg', 'x'],
      ['../../escaped.jpg', 'x'],
      ['/absolute.jpg', 'x'],
      ['b.jpg', 'x'],
      ['b.jpg', 'y'],
      ['c.jpg', 'x'],
      ['c.json', '{not json'],
      ['d.jpg', 'x'],
      ['d.cls', Uint8Array.of(255, 254)],
      ['e.jpg', 'x'],
    ]
    const codes = [
      ['../../escaped', 'OUTSIDE'],
      ['/absolute', 'OUTSIDE'],
      ['b', 'DUPLICATE'],
      ['c', 'FORMAT'],
      ['d', 'FORMAT'],
    ]

    it('with its reason, and goes on', async () => {
      const name = await made('odd.tar', odd)
      const rejected = await outcome(name, { onError: 'reject' })
      expect(rejected.ids).toEqual(['a', 'e'])
      expect(rejected.rejects).toEqual(codes)
      expect(rejected.counts).toEqual({ rowsIn: 7, rowsKept: 2, rejected: 5, dropped: 0 })
      const dropped = await outcome(name, { onError: 'drop' })
      expect(dropped.counts).toEqual({ rowsIn: 7, rowsKept: 2, rejected: 0, dropped: 5 })
      expect((await readdir(folder)).filter((n) => /escaped|absolute/.test(n))).toEqual([])
    })

    it('or fails', async () => {
      await made('odd.tar', odd)
      await expect(read('odd.tar')).rejects.toMatchObject({ code: 'DATA' })
    })

    it('of a gibibyte and more, which is not read', async () => {
      const wanted = () => true
      const sample = new TarSample('big', { columns: [], wanted })
      const read = () => Promise.reject(new Error('read'))
      await sample.add({ name: 'big.jpg', type: 'file', size: 2 ** 30 + 1, end: 0, read }, 'jpg')
      expect(sample.fault).toMatchObject({ code: 'TOO_LARGE' })
    })
  })

  it('names that are not UTF-8 stay different', async () => {
    const tar = await tarOf([
      ['x0.jpg', 'a'],
      ['x1.jpg', 'b'],
    ])
    for (const [header, byte] of [
      [0, 0xfe],
      [1024, 0xff],
    ] as const) {
      tar[header] = byte
      const block = tar.subarray(header, header + 512)
      const sum = block.reduce((n, b, i) => n + (i >= 148 && i < 156 ? 32 : b), 0)
      block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    }
    await writeFile(at('latin.tar'), tar)
    expect(values(await read('latin.tar'), 'id')).toEqual(['\\xfe0', '\\xff1'])
  })

  it('fails where a member is cut, and takes an archive without its end', async () => {
    const tar = await readFile(at('plain.tar'))
    const end = tar.length - 1024
    await writeFile(at('endless.tar'), tar.subarray(0, end))
    expect(values(await read('endless.tar'), 'id')).toEqual(ids)
    for (const length of [100, 514, 600, end - 510, end - 600]) {
      await writeFile(at('cut.tar'), tar.subarray(0, length))
      await expect(read('cut.tar')).rejects.toMatchObject({ code: 'DATA', url: at('cut.tar') })
    }
    const gz = await readFile(at('small.tar.gz'))
    await writeFile(at('cut.tgz'), gz.subarray(0, -20))
    await expect(read('cut.tgz')).rejects.toMatchObject({ code: 'DATA', url: at('cut.tgz') })
  })

  it.each([
    ['is no number', `\x81${'\0'.repeat(11)}`],
    ['is below zero', `\xff${'\xff'.repeat(10)}\xfe`],
    ['the archive has not', '07777777777'],
    ['no archive has', `\x80${'\x7f'.repeat(11)}`],
  ])('fails on a member of a size that %s, and keeps no room for it', async (_, size) => {
    await writeFile(at('size.tar'), tarArchive(tarMember('a.jpg', 'jpg', { size })))
    await writeFile(at('size.tgz'), gzipSync(await readFile(at('size.tar'))))
    const before = process.memoryUsage().arrayBuffers
    for (const name of ['size.tar', 'size.tgz'])
      await expect(read(name)).rejects.toMatchObject({ code: 'DATA', url: at(name) })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
  })

  it.each([
    ['missing.tar', undefined, { code: 'CONNECTOR', retryable: false }],
    ['empty.tar', '', { code: 'DATA' }],
    ['empty.tgz', '', { code: 'DATA' }],
    ['text.tar', 'no archive, but long enough to be looked at. '.repeat(20), { code: 'DATA' }],
    ['text.tgz', 'not compressed', { code: 'DATA' }],
  ])('fails on %s', async (name, text, error) => {
    if (text !== undefined) await writeFile(at(name), text)
    await expect(read(name)).rejects.toMatchObject(error)
  })

  it('fails where there is no archive', async () => {
    await mkdir(at('nothing'))
    await expect(read('nothing')).rejects.toMatchObject({ code: 'CONNECTOR', retryable: false })
  })

  it('stops when unsubscribed, and closes what it opened', async () => {
    const open = async () => (await readdir('/proc/self/fd')).length
    const before = await open()
    const batch = await lastValueFrom(fromTar(at('plain.tar'), { batchRows: 1 }).pipe(take(1)))
    expect(batch.numRows).toBe(1)
    await expect.poll(open).toBeLessThanOrEqual(before)
  })

  it('cuts batches by bytes', async () => {
    const batches = await read('plain.tar', { batchBytes: 12 })
    expect(batches.map((b) => b.numRows)).toEqual([1, 1, 1, 1, 2])
  })

  it.each<[string, FromTarOptions]>([
    ['Expected option `columns` to be new columns, got `image`', { columns: ['image'] }],
    ['Expected option `batchRows` to be a positive integer, got `0` (number)', { batchRows: 0 }],
    [
      'Expected fromTar to be given only known options, got `column`; did you mean `columns`?',
      { column: 1 } as FromTarOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => fromTar('x.tar', options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})
