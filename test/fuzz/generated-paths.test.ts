import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromJsonl } from '../../connectors/from-jsonl.ts'
import { holds, textOf } from '../helpers/fuzz-properties.ts'
import { outcomeOf } from '../helpers/fuzz.ts'

let base: string
let root: string
beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'fuzz-paths-')))
  root = join(base, 'root')
  await mkdir(join(root, 'photos'), { recursive: true })
  await writeFile(join(root, 'photos', 'a.png'), 'inside')
  await writeFile(join(base, 'a.png'), 'outside')
  await mkdir(join(base, 'root-not'))
  await writeFile(join(base, 'root-not', 'a.png'), 'outside')
  await symlink('..', join(root, 'up'))
  await symlink('up', join(root, 'round'))
  await symlink('loop', join(root, 'loop'))
})
afterAll(() => rm(base, { recursive: true }))

// Whoever shrinks an input that hangs waits long.
vi.setConfig({ testTimeout: 600_000 })

const reject = { onError: 'reject' } as const

/** Whether all pictures lie in `folder`, as far as their URLs say. */
function within(folder: string, uris: readonly unknown[]): boolean {
  return uris.every((uri) => String(uri).startsWith(`${pathToFileURL(folder).href}/`))
}

describe('links of a list', () => {
  const path = fc.oneof(
    textOf(
      ...['/', '/', '..', '../', '.', 'photos/', 'a.png', 'up/', 'round/', 'loop/', 'root/'],
      ...['../root-not/', '%2e%2e/', '\\', '\u0000', 'é', '\u202e', '\ud800', ' ', '~/', '?', '#'],
      ...['file:', '//', 'C:', 'x'.repeat(300)],
    ),
    fc.constantFrom('photos/a.png', './photos/../photos/a.png', `${'photos/../'.repeat(500)}a.png`),
  )

  it('lead to pictures under the root or to rejects', async () => {
    await holds(fc.array(path, { minLength: 10, maxLength: 20 }), 30, async (paths) => {
      const list = join(root, 'list.jsonl')
      // The first line says that there is a column.
      const lines = ['photos/a.png', ...paths].map((each) => JSON.stringify({ path: each }))
      await writeFile(list, lines.join('\n'))
      const read = await outcomeOf(() => fromJsonl(list, reject), base)
      expect([read.error, read.fault]).toEqual([undefined, undefined])
      expect(read.rows + read.rejects.length).toBe(lines.length)
      expect(within(join(root, 'photos'), read.values('uri'))).toBe(true)
      expect(
        read.values('image').every((image) => String(image) === '105,110,115,105,100,101'),
      ).toBe(true)
    })
  })
})

describe('fromFiles', () => {
  it('gives a row to each file, whatever bytes its name has', async () => {
    const bytes = fc.uint8Array({ min: 1, minLength: 1, maxLength: 251 })
    const name = fc.oneof(
      bytes.map((each) => each.map((byte) => (byte === 0x2f ? 0x5c : byte))),
      fc
        .constantFrom('..', '%2f', '*?', '{a,b}', '[a]', '\\', '\n', 'é', 'e\u0301')
        .map((text) => Buffer.from(text)),
    )
    let made = 0
    await holds(fc.array(name, { minLength: 5, maxLength: 15 }), 20, async (names) => {
      const folder = join(base, `names-${String(made++)}`)
      await mkdir(folder)
      const different = new Set(names.map((each) => Buffer.from(each).toString('latin1')))
      for (const each of different) {
        const path = [Buffer.from(`${folder}/`), Buffer.from(each, 'latin1'), Buffer.from('.png')]
        await writeFile(Buffer.concat(path), 'x')
      }
      const seen = [...different].filter((each) => !each.startsWith('.')).length
      const read = await outcomeOf(() => fromFiles(folder, reject), base)
      expect(read.fault).toBeUndefined()
      expect(read.rows).toBe(read.error === undefined ? seen : 0)
      expect(new Set(read.values('id')).size).toBe(read.rows)
    })
  })

  it('ends in folders of links, whichever way they lead', async () => {
    const folders = ['.', 'a', 'a/b', 'c']
    const link = fc.record({
      from: fc.constantFrom(...folders),
      name: fc.constantFrom('x', 'y', 'z.png'),
      to: fc.constantFrom(
        '.',
        '..',
        '../..',
        '../c',
        'a/b',
        '../../a',
        'x',
        'y',
        'x/../y',
        '1.png',
        '/etc',
        '../../../..',
        'a/../../tree',
      ),
    })
    let made = 0
    await holds(fc.array(link, { minLength: 2, maxLength: 8 }), 40, async (links) => {
      const folder = join(base, `tree-${String(made++)}`)
      for (const each of folders) {
        await mkdir(join(folder, each), { recursive: true })
        await writeFile(join(folder, each, '1.png'), 'inside')
      }
      for (const { from, name, to } of links)
        await symlink(to, join(folder, from, name)).catch(() => undefined)
      const read = await outcomeOf(() => fromFiles(folder, reject), base)
      expect([read.error, read.fault]).toEqual([undefined, undefined])
      expect(read.rows).toBeGreaterThanOrEqual(folders.length)
      expect(within(folder, read.values('uri'))).toBe(true)
      expect(read.rejects.filter(({ code }) => !['OUTSIDE', 'UNREADABLE'].includes(code))).toEqual(
        [],
      )
    })
  })
})
