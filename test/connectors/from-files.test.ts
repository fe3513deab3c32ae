import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromFiles, type FromFilesOptions } from '../../connectors/from-files.ts'
import { Barrier } from '../../src/flow/control.ts'
import { ConnectorError, OptionError } from '../../src/errors.ts'
import { Run } from '../../src/run/run-state.ts'
import { gather, plain, values } from '../helpers/pictures.ts'
import { countsOf, runFrom, saved } from '../helpers/runs.ts'

let base: string
let png: Uint8Array
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'from-files-'))
  png = await plain(2, 2).png().toBuffer()
})
afterAll(async () => {
  await rm(base, { recursive: true, force: true })
})

/** Makes a folder with these files; each holds its own path unless content is given. */
async function tree(name: string, files: readonly string[], content?: Uint8Array): Promise<string> {
  const root = join(base, name)
  await mkdir(root, { recursive: true })
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), content ?? file)
  }
  return root
}

async function ids(
  location: string | readonly string[],
  options: FromFilesOptions = {},
): Promise<unknown[]> {
  return values((await gather(fromFiles(location, options), { columns: [] })).batches, 'id')
}

describe('fromFiles', () => {
  it('reads depth first, names sorted by their bytes in each folder', async () => {
    const files = [
      'b.png',
      'a/z.png',
      'a/B.png',
      'a/é.png',
      'a/b/c.png',
      'a.png',
      'Z.png',
      'a/b.png',
      'c/1.png',
      'c/10.png',
      'c/2.png',
    ]
    const root = await tree('order', files)
    expect(await ids(root)).toEqual([
      'Z.png',
      'a/B.png',
      'a/b/c.png',
      'a/b.png',
      'a/z.png',
      'a/é.png',
      'a.png',
      'b.png',
      'c/1.png',
      'c/10.png',
      'c/2.png',
    ])
  })

  it('gives the bytes, the size and where each file is', async () => {
    const root = await tree('columns', ['cats/tom & jerry.png'])
    const { batches } = await gather(fromFiles(root))
    const row = batches[0]?.get(0)?.toJSON()
    expect(batches[0]?.schema.fields.map((f) => `${f.name}: ${String(f.type)}`)).toEqual([
      'id: Utf8',
      'uri: Utf8',
      'label: Utf8',
      'split: Utf8',
      'image: Binary',
      'bytes: Int32',
    ])
    expect(row).toMatchObject({ id: 'cats/tom & jerry.png', label: 'cats', split: null, bytes: 20 })
    expect(Buffer.from(row?.image as Uint8Array).toString()).toBe('cats/tom & jerry.png')
    expect(fileURLToPath(row?.uri as string)).toBe(join(root, 'cats/tom & jerry.png'))
  })

  const labelCases = [
    {
      name: 'folders, by default',
      options: {},
      expected: [
        [null, null],
        ['cat', null],
        ['cat', 'train'],
        [null, null],
      ],
    },
    {
      name: 'a pattern',
      options: { labels: '{split}/{label}/{name}' },
      expected: [
        [null, null],
        [null, null],
        ['cat', 'train'],
        [null, null],
      ],
    },
    {
      name: 'a pattern for file names',
      options: { labels: '**/{label}_{name}.png' },
      expected: [
        ['dog', null],
        ['x', null],
        ['y', null],
        ['w', null],
      ],
    },
    {
      name: 'a split for all',
      options: { split: 'val' },
      expected: [
        [null, 'val'],
        ['cat', 'val'],
        ['cat', 'val'],
        [null, 'val'],
      ],
    },
  ]
  it.each(labelCases)('takes labels and splits from $name', async ({ options, expected }) => {
    const root = await tree('labels', [
      'a/b/c/w_1.png',
      'cat/x_1.png',
      'train/cat/y_2.png',
      'dog_1.png',
    ])
    const { batches } = await gather(fromFiles(root, options))
    const found = values(batches, 'id').map((id, i) => [
      id,
      values(batches, 'label')[i],
      values(batches, 'split')[i],
    ])
    const order = ['dog_1.png', 'cat/x_1.png', 'train/cat/y_2.png', 'a/b/c/w_1.png']
    expect(new Map(found.map(([id, ...rest]) => [id, rest]))).toEqual(
      new Map(order.map((id, i) => [id, expected[i]])),
    )
  })

  it('ignores and counts what is no picture, and hidden files', async () => {
    const root = await tree('mixed', [
      'a.PNG',
      'b.txt',
      '.c.png',
      '.git/d.png',
      'e.jpeg',
      'labels.json',
    ])
    await writeFile(join(root, 'f'), png)
    await writeFile(join(root, 'g'), 'text')
    const { batches, run } = await gather(fromFiles(root), { columns: [] })
    expect(values(batches, 'id')).toEqual(['a.PNG', 'e.jpeg', 'f'])
    expect(countsOf(run)['fromFiles']).toEqual({ rowsIn: 7, rowsKept: 3, rejected: 0, dropped: 4 })
    expect(await fromFiles(root).info.count?.(new AbortController().signal)).toBe(7)
    expect(await ids(root, { extensions: ['txt'] })).toEqual(['b.txt'])
  })

  const globs = [
    { glob: 'globs/*.png', expected: ['a.png', 'b.png'] },
    { glob: 'globs/**/*.png', expected: ['a.png', 'b.png', 'x/c.png', 'x/y/d.png'] },
    { glob: 'globs/x/**', expected: ['c.png', 'e.jpg', 'y/d.png'] },
    { glob: 'globs/{x,z}/?.{jpg,gif}', expected: ['x/e.jpg'] },
    { glob: 'globs/[ab].png', expected: ['a.png', 'b.png'] },
    { glob: 'globs/[!a].png', expected: ['b.png'] },
    { glob: 'globs/a.png', expected: ['a.png'] },
  ]
  it.each(globs)('finds $glob', async ({ glob, expected }) => {
    await tree('globs', ['a.png', 'b.png', 'x/c.png', 'x/y/d.png', 'x/e.jpg', '.h/f.png'])
    expect(await ids(join(base, glob))).toEqual(expected)
  })

  it('takes a folder whose name looks like a glob', async () => {
    expect(await ids(await tree('photos [2020]', ['a.png']))).toEqual(['a.png'])
  })

  it('reads several locations one after another, told apart by the folders in which they differ', async () => {
    await tree('many', ['train/a/1.png', 'test/a/1.png', 'test/b.png'])
    const both = ['train', 'test'].map((f) => join(base, 'many', f))
    expect(await ids(both)).toEqual(['train/a/1.png', 'test/a/1.png', 'test/b.png'])
    expect(await ids(both, { name: 'mine' })).toEqual([
      'mine/train/a/1.png',
      'mine/test/a/1.png',
      'mine/test/b.png',
    ])
    expect(() => fromFiles([...both, ...both])).toThrow(OptionError)
  })

  it('follows links, but not round in circles', async () => {
    const root = await tree('links', ['a/1.png'])
    await symlink('..', join(root, 'a/up'))
    await symlink('a', join(root, 'b'))
    await symlink('nowhere.png', join(root, 'c.png'))
    const { batches, rejects } = await gather(fromFiles(root, { onError: 'reject' }), {
      columns: [],
    })
    expect(values(batches, 'id')).toEqual(['a/1.png', 'b/1.png'])
    expect(rejects).toEqual([
      {
        id: 'c.png',
        operator: 'fromFiles',
        code: 'UNREADABLE',
        message: 'Expected to read the file, got no such file (ENOENT)',
        attempt: 1,
      },
    ])
    await expect(ids(root)).rejects.toThrow('Expected to read `c.png`, got no such file (ENOENT)')
  })

  it('follows links that lead out of the folders only if asked to', async () => {
    await tree('outside', ['secret.png', 'more/x.png', 'notes.txt'])
    const root = await tree('inside', ['a/1.png'])
    await symlink('../outside/secret.png', join(root, 'b.png'))
    await symlink('../outside/secret.png', join(root, 'bare'))
    await symlink('../outside/notes.txt', join(root, 'c.txt'))
    await symlink('../outside/more', join(root, 'd'))
    await symlink('/dev', join(root, 'e'))
    await symlink('../inside-not', join(root, 'f.png'))
    await tree('inside-not', ['1.png'])
    await symlink('inside', join(base, 'link'))
    const code = 'OUTSIDE'
    for (const location of [root, join(base, 'link'), join(root, '**')]) {
      const flow = fromFiles(location, { onError: 'reject' })
      const { batches, rejects } = await gather(flow, { columns: [] })
      const out = ['b.png', 'bare', 'd', 'e', 'f.png']
      expect(values(batches, 'id')).toEqual(['a/1.png'])
      expect(rejects).toMatchObject(out.map((id) => ({ id, code })))
    }
    await expect(ids(root)).rejects.toThrow(
      "Expected to read `b.png`, got a link that leads out of the folder (followed with links: 'all')",
    )
    await rm(join(root, 'e'))
    const all = ['a/1.png', 'b.png', 'd/x.png', 'f.png/1.png']
    expect(await ids(root, { links: 'all' })).toEqual(all)
    expect(await ids([root, join(base, 'outside'), join(base, 'inside-not')])).toContain(
      'inside/b.png',
    )
    expect(() => fromFiles(root, { links: 'some' as 'all' })).toThrow(OptionError)
  })

  it('keeps names that are not UTF-8 apart', async () => {
    const root = await tree('bytes', [])
    for (const byte of [0xfe, 0xff])
      await writeFile(
        Buffer.concat([Buffer.from(`${root}/é`), Buffer.from([byte]), Buffer.from('.png')]),
        'x',
      )
    const { batches } = await gather(fromFiles(root))
    expect(values(batches, 'id')).toEqual(['é\\xfe.png', 'é\\xff.png'])
    expect(values(batches, 'uri')[0]).toMatch(/\/%C3%A9%FE\.png$/)
  })

  it('cuts batches by rows and by bytes, with the same rows in all', async () => {
    const root = await tree(
      'cut',
      Array.from({ length: 25 }, (_, i) => `${String(i).padStart(2, '0')}.png`),
      new Uint8Array(100),
    )
    const sizes = async (options: FromFilesOptions) =>
      (await gather(fromFiles(root, options))).batches.map((b) => b.numRows)
    expect(await sizes({ batchRows: 10 })).toEqual([10, 10, 5])
    expect(await sizes({ batchBytes: 800 })).toEqual([8, 8, 8, 1])
    expect(await sizes({ batchBytes: 1 })).toEqual(Array.from({ length: 25 }, () => 1))
    expect(await ids(root, { batchRows: 3 })).toEqual(await ids(root))
  })

  it('reads no file when nobody wants the pictures', async () => {
    const root = await tree('sizes', ['a.png'])
    const { batches } = await gather(fromFiles(root), { columns: ['pixels'] })
    expect(batches[0]?.schema.fields.map((f) => f.name)).toEqual([
      'id',
      'uri',
      'label',
      'split',
      'bytes',
    ])
    expect(values(batches, 'bytes')).toEqual([5])
  })

  it.each([0, 3, 7, 12])('goes on after file %i of a checkpoint', async (seen) => {
    const files = [
      'a/1.png',
      'a/2.png',
      'a/b/1.png',
      'a.png',
      'b/c/d/e.png',
      'b/c/e.png',
      'b.png',
      'c.png',
      'd/1.png',
      'd/2.png',
      'd/3.png',
      'e.png',
    ]
    const root = await tree('resume', files)
    const all = await ids(root)
    const position = await positionAfter(root, seen)
    const run = runFrom(new Map([['fromFiles', saved(position)]]))
    const rest: unknown[] = []
    const context = { signal: new AbortController().signal, run }
    for await (const value of fromFiles(root, { batchRows: 2 }).pull(context))
      rest.push(...values([value as RecordBatch], 'id'))
    expect(rest).toEqual(all.slice(seen))
  })

  /** What the source puts into a barrier after `seen` files. */
  async function positionAfter(root: string, seen: number): Promise<unknown> {
    if (seen === 0) return undefined
    const run = new Run()
    const barrier = new Barrier(1)
    let rows = 0
    const context = { signal: new AbortController().signal, run }
    for await (const value of fromFiles(root, { batchRows: 1 }).pull(context)) {
      if (value === barrier) break
      if (++rows === seen) run.request(barrier)
    }
    return structuredClone(barrier.states.get('fromFiles')?.state)
  }

  it('stops when it is left', async () => {
    const root = await tree(
      'early',
      Array.from({ length: 100 }, (_, i) => `${String(i)}.png`),
    )
    const first = await lastValueFrom(fromFiles(root, { batchRows: 1 }).pipe(take(1)))
    expect(values([first], 'id')).toEqual(['0.png'])
  })

  const bad = [
    {
      name: 'does not exist',
      location: 'none',
      message: 'Expected a file or folder at `LOCATION`, got none',
    },
    {
      name: 'is a glob in no folder',
      location: 'none/*.png',
      message: 'Expected a file or folder at `LOCATION`, got none',
    },
    {
      name: 'is empty',
      location: 'empty',
      message: 'Expected pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF) in `LOCATION`, got no files',
    },
    {
      name: 'has no picture',
      location: 'text',
      message:
        'Expected pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF) in `LOCATION`, got 2 other files',
    },
    {
      name: 'matches no file',
      location: 'text/*.png',
      message: 'Expected pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF) in `LOCATION`, got no files',
    },
  ]
  it.each(bad)('says so when a location $name', async ({ location, message }) => {
    await tree('empty', [])
    await tree('text', ['a.txt', 'b.csv'])
    const path = join(base, location)
    const failing = ids(path)
    await expect(failing).rejects.toThrow(ConnectorError)
    await expect(failing).rejects.toMatchObject({
      url: path,
      retryable: false,
      message: message.replace('LOCATION', path),
    })
  })

  it('says so when there is no permission', async () => {
    const root = await tree('locked', ['a.png', 'inner/b.png'])
    await chmod(join(root, 'a.png'), 0)
    await chmod(join(root, 'inner'), 0)
    await chmod(base, 0o755)
    // As an ordinary user: the system's administrator may read everything.
    const script = `
      import { fromFiles } from './dist/connectors/from-files.js'
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
      const context = { signal: new AbortController().signal }
      for (const onError of ['reject', 'fail'])
        try {
          for await (const value of fromFiles(process.argv[1], { onError }).pull(context))
            console.log(JSON.stringify(value.rows ?? value.numRows))
        } catch (error) {
          console.log(error.code, error.message)
        }`
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, root])
    const message = 'Expected to read the file, got no permission (EACCES)'
    const reject = { operator: 'fromFiles', code: 'UNREADABLE', message, attempt: 1 }
    expect(stdout.trim().split('\n')).toEqual([
      JSON.stringify([{ id: 'a.png', ...reject }]),
      JSON.stringify([{ id: 'inner', ...reject }]),
      'CONNECTOR Expected to read `a.png`, got no permission (EACCES)',
    ])
    await chmod(join(root, 'inner'), 0o755)
    await chmod(root, 0)
    const closed = await run(process.execPath, ['--input-type=module', '-e', script, root])
    const line = `CONNECTOR Expected to read \`${root}\`, got no permission (EACCES)`
    expect(closed.stdout.trim().split('\n')).toEqual([line, line])
    await chmod(root, 0o755)
  })

  it('refuses a pattern that matches no path before it reads a file', async () => {
    const root = await tree('pattern', ['a/1.png', 'b/2.png'])
    await expect(ids(root, { labels: '{split}/{label}/{name}' })).rejects.toThrow(OptionError)
    await expect(ids(root, { labels: '{split}/{label}/{name}' })).rejects.toThrow(
      'Expected option `labels` to match a path, got `{split}/{label}/{name}`, which does not match `a/1.png` nor any other',
    )
  })

  it('refuses bad options at the call', () => {
    expect(() => fromFiles('')).toThrow(OptionError)
    expect(() => fromFiles('x', { labels: '{name}' })).toThrow(
      'Expected option `labels` to have {label} or {split}, got `{name}`',
    )
    expect(() => fromFiles('x', { labels: '{lable}/{name}' })).toThrow(
      'got {lable} in `{lable}/{name}`; did you mean `label`?',
    )
    expect(() => fromFiles('x', { batchRows: 0 })).toThrow(OptionError)
    expect(() => fromFiles('x', { label: 'a' } as never)).toThrow(
      'got `label`; did you mean `labels`?',
    )
  })
})
