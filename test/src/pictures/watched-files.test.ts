import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FileRoot, Told } from '../../../src/pictures/file-root.ts'
import type { Found } from '../../../src/pictures/walk-files.ts'
import { watchedFiles } from '../../../src/pictures/watched-files.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 0, toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A folder of which the system tells, that notes when it is listed, in seconds. */
class Folder {
  readonly listed: number[] = []
  readonly given: string[] = []
  files: Found[] = []
  told: Told | undefined
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor({ tookMs = 0, readMs = 0, relistMs = 600_000 } = {}) {
    const { listed } = this
    const files = (): Found[] => this.files
    const root: FileRoot = {
      location: 'folder',
      folder: '/folder',
      ahead: 8,
      prefix: '',
      async *find() {
        listed.push(Date.now() / 1000)
        vi.setSystemTime(Date.now() + tookMs)
        yield* await Promise.resolve(files())
      },
      uriOf: ({ path }) => path,
      look: () => Promise.resolve({ bytes: 1, modified: 0, mark: '' }),
      open: () => Promise.reject(new Error('not read')),
      watch: (told) => {
        this.told = told
        return Promise.resolve()
      },
    }
    this.#ended = this.#read(root, { readMs, relistMs })
  }

  async #read(
    root: FileRoot,
    { readMs, relistMs }: { readonly readMs: number; readonly relistMs: number },
  ): Promise<void> {
    const { given } = this
    const watching = {
      roots: [root],
      settleMs: 0,
      pollMs: undefined,
      relistMs,
      seen: ({ found }: { readonly found: Found }) => given.includes(found.path),
      signal: this.#stop.signal,
    }
    for await (const file of watchedFiles(watching)) {
      if (!('root' in file)) continue
      given.push(file.found.path)
      vi.setSystemTime(Date.now() + readMs)
    }
  }

  async end(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }
}

describe('watchedFiles', () => {
  it('lists a folder again after twice as long each time, up to relistMs', async () => {
    const folder = new Folder({ relistMs: 10_000 })
    await vi.advanceTimersByTimeAsync(40_000)
    expect(folder.listed).toEqual([0, 1, 3, 7, 15, 25, 35])
    await folder.end()
  })

  it('begins anew when a folder comes, or a file that nobody told of', async () => {
    const folder = new Folder()
    await vi.advanceTimersByTimeAsync(20_000)
    folder.told?.folder()
    await vi.advanceTimersByTimeAsync(500)
    folder.told?.folder()
    await vi.advanceTimersByTimeAsync(4500)
    expect(folder.listed).toEqual([0, 1, 3, 7, 15, 21, 22, 24])
    const told: Found = { path: 'told', kind: 'file' }
    folder.files = [told]
    folder.told?.found(told)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(folder.listed.slice(8)).toEqual([28])
    folder.files = [told, { path: 'untold', kind: 'file' }]
    await vi.advanceTimersByTimeAsync(20_000)
    expect(folder.listed.slice(9)).toEqual([36, 37, 39, 43, 51])
    expect(folder.given).toEqual(['told', 'untold'])
    await folder.end()
  })

  it('spends a twentieth of the time on it, in which files that are read do not count', async () => {
    const folder = new Folder({ tookMs: 500 })
    await vi.advanceTimersByTimeAsync(25_000)
    expect(folder.listed).toEqual([0, 10.5, 21])
    await folder.end()
    const read = new Folder({ readMs: 500 })
    read.files = [{ path: 'a', kind: 'file' }]
    const start = Date.now() / 1000
    await vi.advanceTimersByTimeAsync(2000)
    expect(read.listed).toEqual([start, start + 1.5])
    await read.end()
  })

  it('passes over folders that go meanwhile', async () => {
    const folder = new Folder()
    const cause = Object.assign(new Error('gone'), { code: 'ENOENT' })
    folder.files = [{ path: 'gone', kind: 'unreadable', cause }]
    await vi.advanceTimersByTimeAsync(1500)
    expect(folder.given).toEqual([])
    await folder.end()
  })
})
