import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bytePath, fileUrl, pathText, walkFiles } from '../../../src/pictures/walk-files.ts'

describe('walkFiles', () => {
  it('goes on after any path of a tree of many folders', async () => {
    const root = await mkdtemp(join(tmpdir(), 'walk-'))
    for (let folder = 0; folder < 60; folder++) {
      const path = join(root, `f${String(folder % 10)}`, `g${String(folder)}`)
      await mkdir(path, { recursive: true })
      for (const name of ['a', 'b']) await writeFile(join(path, name), '')
    }
    const paths = async (after?: string) => {
      const out: string[] = []
      for await (const { path } of walkFiles(bytePath(root), after === undefined ? {} : { after }))
        out.push(path)
      return out
    }
    const all = await paths()
    expect(all).toHaveLength(120)
    expect(all).toEqual([...all].sort())
    for (const at of [0, 1, 11, 12, 60, 118, 119])
      expect(await paths(all[at])).toEqual(all.slice(at + 1))
    await rm(root, { recursive: true })
  })

  it('says that a folder cannot be read', async () => {
    const found = []
    for await (const value of walkFiles('/nowhere-at-all')) found.push(value)
    expect(found).toMatchObject([{ path: '', kind: 'unreadable', cause: { code: 'ENOENT' } }])
  })
})

describe('pathText', () => {
  it.each([
    { bytes: bytePath('naïve/日本.png'), text: 'naïve/日本.png' },
    { bytes: 'a\xffb', text: 'a\\xffb' },
    { bytes: `${bytePath('é')}\xe9`, text: 'é\\xe9' },
  ])('shows $text', ({ bytes, text }) => {
    expect(pathText(bytes)).toBe(text)
  })
})

describe('fileUrl', () => {
  it('escapes what a URL cannot hold', () => {
    expect(fileUrl(bytePath('/a b/ü#?%.png'))).toBe('file:///a%20b/%C3%BC%23%3F%25.png')
  })
})
