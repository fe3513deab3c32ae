import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { openFile } from '../../src/bytes.ts'

const { signal } = new AbortController()
let path: string
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'bytes-')), 'ten')
  await writeFile(
    path,
    Uint8Array.from({ length: 10 }, (_, i) => i),
  )
})

describe('openFile', () => {
  it.each([
    [0, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [3, 2, [3, 4]],
    [9, 1, [9]],
    [10, 0, []],
  ])('reads from %i, %i bytes', async (offset, length, expected) => {
    const file = await openFile(path)
    expect(await file.size()).toBe(10)
    expect([...(await file.read(offset, length, signal))]).toEqual(expected)
    await file.close()
  })

  it('fails beyond the end', async () => {
    const file = await openFile(path)
    await expect(file.read(8, 3, signal)).rejects.toMatchObject({
      code: 'DATA',
      url: path,
      message: `Expected 3 bytes at 8 of ${path}, got 2`,
    })
    await file.close()
  })

  it('fails on what is not there, and on a folder', async () => {
    await expect(openFile(`${path}x`)).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: `${path}x`,
      retryable: false,
      cause: { code: 'ENOENT' },
    })
    const folder = await openFile(tmpdir())
    await expect(folder.size()).rejects.toMatchObject({ code: 'CONNECTOR', url: tmpdir() })
    await folder.close()
  })

  it('reads nothing once aborted', async () => {
    const file = await openFile(path)
    await expect(file.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    await file.close()
  })
})
