import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { openFile } from '../../../src/storage/file-bytes.ts'

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
    expect(await file.size(signal)).toBe(10)
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
    await expect(folder.size(signal)).rejects.toMatchObject({ code: 'CONNECTOR', url: tmpdir() })
    await folder.close()
  })

  it.each([0, 3, 10])('streams from %i to the end', async (offset) => {
    const file = await openFile(path)
    const pieces: number[] = []
    for await (const piece of file.stream(offset, signal)) pieces.push(...piece)
    expect(pieces).toEqual(Array.from({ length: 10 - offset }, (_, i) => offset + i))
    await file.close()
  })

  it('streams what is longer than a piece', async () => {
    const long = `${path}-long`
    const bytes = Uint8Array.from({ length: 700_001 }, (_, i) => i * 7)
    await writeFile(long, bytes)
    const file = await openFile(long)
    const pieces: Buffer[] = []
    for await (const piece of file.stream(1, signal)) pieces.push(Buffer.from(piece))
    expect(Buffer.concat(pieces).equals(bytes.subarray(1))).toBe(true)
    expect(pieces.length).toBeGreaterThan(2)
    await file.close()
  })

  it('reads nothing once aborted', async () => {
    const file = await openFile(path)
    await expect(file.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    await file.close()
  })
})
