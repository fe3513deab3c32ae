import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Disk, nodeDisk } from '../../../src/disk.ts'
import { replaceFolder } from '../../../src/output/replace-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replace-folder-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)

async function folderWith(name: string, text: string): Promise<void> {
  await mkdir(at(name))
  await writeFile(at(`${name}/file`), text)
}

/** A disk that fails, or loses its power, at the `nth` rename. */
function failingAt(nth: number): { disk: Disk; renames: () => number } {
  let renames = 0
  const disk: Disk = {
    ...nodeDisk,
    rename: (from, to) =>
      ++renames === nth
        ? Promise.reject(new Error('the power is gone'))
        : nodeDisk.rename(from, to),
  }
  return { disk, renames: () => renames }
}

describe('replaceFolder', () => {
  it.each([true, false])(
    'puts a folder in place (of another: %s); twice is as once',
    async (old) => {
      if (old) await folderWith('to', 'old')
      await folderWith('from', 'new')
      await replaceFolder(at('from'), at('to'), nodeDisk)
      await replaceFolder(at('from'), at('to'), nodeDisk)
      expect(await readdir(folder)).toEqual(['to'])
      expect(await readFile(at('to/file'), 'utf8')).toBe('new')
    },
  )

  it('puts the old one back if the system refuses the new one', async () => {
    await folderWith('to', 'old')
    await folderWith('from', 'new')
    const { disk } = failingAt(2)
    await expect(replaceFolder(at('from'), at('to'), disk)).rejects.toThrow('the power is gone')
    expect(await readFile(at('to/file'), 'utf8')).toBe('old')
    expect((await readdir(folder)).sort()).toEqual(['from', 'to'])
  })

  it.each([1, 2, 3])('is right when called again after a crash at step %i', async (step) => {
    await folderWith('to', 'old')
    await folderWith('from', 'new')
    let steps = 0
    function until<A extends unknown[]>(work: (...args: A) => Promise<void>) {
      return (...args: A): Promise<void> =>
        ++steps > step ? Promise.reject(new Error('the power is gone')) : work(...args)
    }
    const disk: Disk = { ...nodeDisk, rename: until(nodeDisk.rename), rm: until(nodeDisk.rm) }
    await expect(replaceFolder(at('from'), at('to'), disk)).rejects.toThrow('the power is gone')
    const whole = (await readdir(folder)).filter((name) => name !== 'from')
    expect(whole.length).toBeGreaterThan(0)
    await replaceFolder(at('from'), at('to'), nodeDisk)
    expect(await readdir(folder)).toEqual(['to'])
    expect(await readFile(at('to/file'), 'utf8')).toBe('new')
  })
})
