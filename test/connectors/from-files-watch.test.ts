import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatch } from 'apache-arrow'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fromFiles, type FromFilesOptions } from '../../connectors/from-files.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { column } from '../../src/batch/batch.ts'
import { run } from '../../src/run/run.ts'
import { type S3, startS3 } from '../helpers/s3-proxy.ts'
import { plain } from '../helpers/pictures.ts'

let base: string
let png: Uint8Array
let s3: S3
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'watch-'))
  png = await plain(2, 2).png().toBuffer()
  s3 = await startS3()
  Object.assign(process.env, s3.env)
})
afterAll(async () => {
  await s3.close()
  await rm(base, { recursive: true, force: true })
})

let root: string
let number = 0
beforeEach(async () => {
  root = join(base, String(number++))
  await mkdir(root)
})

async function put(name: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true })
  await writeFile(join(root, name), png)
}

const quick = { settleMs: 30 }

/** A watch that is under way. */
class Watched {
  readonly #stop = new AbortController()
  readonly #ids: string[] = []
  /** Bytes of each file given. */
  readonly bytes: number[] = []
  readonly #ended: Promise<void>
  #bell = (): void => undefined
  #error: Error | undefined

  constructor(location: string, options: FromFilesOptions = {}) {
    const flow = fromFiles(location, { watch: quick, ...options })
    this.#ended = this.#read(flow).catch((error: unknown) => {
      this.#error = error as Error
      this.#bell()
    })
  }

  async #read(flow: ReturnType<typeof fromFiles>): Promise<void> {
    for await (const value of flow.pull({ signal: this.#stop.signal }))
      if (value instanceof RecordBatch) {
        this.#ids.push(...[...column(value, 'id')].map(String))
        this.bytes.push(...[...column(value, 'bytes')].map(Number))
        this.#bell()
      }
  }

  /** Waits until this many have been given since the last call; returns their ids. */
  async next(count: number): Promise<readonly string[]> {
    while (this.#ids.length < count && this.#error === undefined)
      await new Promise<void>((resolve) => (this.#bell = resolve))
    if (this.#error !== undefined) throw this.#error
    return this.#ids.splice(0)
  }

  /** What came since, when the watch has ended. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort()
    await this.#ended
    return this.#ids
  }
}

describe('fromFiles with watch', () => {
  it('gives the files that are there, then those that come', async () => {
    await put('cats/1.png')
    await put('a.png')
    const watched = new Watched(root)
    expect((await watched.next(2)).toSorted()).toEqual(['a.png', 'cats/1.png'])
    await put('dogs/new/2.png')
    expect(await watched.next(1)).toEqual(['dogs/new/2.png'])
    await put('cats/0.png')
    expect(await watched.next(1)).toEqual(['cats/0.png'])
    expect(await watched.end()).toEqual([])
  })

  it('does not read a file that is still being written', async () => {
    await put('a.png')
    const watched = new Watched(root, { watch: { settleMs: 400 } })
    await watched.next(1)
    const file = await open(join(root, 'slow.png'), 'w')
    for (let at = 0; at < png.length; at += 20) {
      await file.write(png.subarray(at, at + 20))
      await sleep(60)
    }
    await file.close()
    expect(await watched.next(1)).toEqual(['slow.png'])
    expect(watched.bytes).toEqual([png.length, png.length])
    await watched.end()
  })

  it('gives a file that is moved in, whatever its age, and passes over what goes', async () => {
    const elsewhere = join(base, `aside-${String(number)}.png`)
    await writeFile(elsewhere, png)
    await sleep(40)
    const watched = new Watched(root)
    await put('gone.png')
    await rm(join(root, 'gone.png'))
    await rename(elsewhere, join(root, 'moved.png'))
    expect(await watched.next(1)).toEqual(['moved.png'])
    await rename(join(root, 'moved.png'), join(root, 'again.png'))
    expect(await watched.next(1)).toEqual(['again.png'])
    await put('again.png')
    await put('last.png')
    expect(await watched.next(1)).toEqual(['last.png'])
    expect(await watched.end()).toEqual([])
  })

  it('looks again every pollMs where nobody tells', async () => {
    await put('a.png')
    const watched = new Watched(root, { watch: { ...quick, pollMs: 20 } })
    expect(await watched.next(1)).toEqual(['a.png'])
    await put('b/c.png')
    expect(await watched.next(1)).toEqual(['b/c.png'])
    await watched.end()
  })

  it('finds what the system does not tell of, as in a link to a folder', async () => {
    const aside = `${root}-aside`
    await mkdir(aside)
    await symlink(aside, join(root, 'link'))
    await put('a.png')
    const watched = new Watched(root, { links: 'all', watch: { ...quick, relistMs: 50 } })
    expect(await watched.next(1)).toEqual(['a.png'])
    await writeFile(join(aside, 'b.png'), png)
    expect(await watched.next(1)).toEqual(['link/b.png'])
    expect(await watched.end()).toEqual([])
  })

  it('finds what comes into a new folder before it is watched', async () => {
    const folders = Array.from({ length: 100 }, (_, at) => `${String(at)}/in`)
    await put('a.png')
    const watched = new Watched(root)
    await watched.next(1)
    await Promise.all(
      folders.map(async (folder) => {
        for (let file = 0; file < 4; file++) {
          await put(`${folder}/${String(file)}.png`)
          await sleep(file)
        }
      }),
    )
    expect(await watched.next(400)).toHaveLength(400)
    expect(await watched.end()).toEqual([])
  })

  it('keeps to globs, hidden names and links as a walk does', async () => {
    await put('a.png')
    await symlink('/etc/hostname', join(root, 'out.png'))
    const watched = new Watched(join(root, '*.png'), { onError: 'drop' })
    expect(await watched.next(1)).toEqual(['a.png'])
    await put('b/no.png')
    await put('.hidden.png')
    await put('c.jpg')
    await put('d.png')
    expect(await watched.next(1)).toEqual(['d.png'])
    await watched.end()
  })

  // Ten at once: of some of them the system's watch does not tell.
  it('fails when the folder is removed', async () => {
    const folders = Array.from({ length: 10 }, (_, at) => join(root, String(at)))
    await Promise.all(
      folders.map(async (folder) => {
        await mkdir(folder)
        await writeFile(join(folder, 'a.png'), png)
        const watched = new Watched(folder)
        await watched.next(1)
        await rm(folder, { recursive: true })
        await expect(watched.next(1)).rejects.toMatchObject({ code: 'CONNECTOR', url: folder })
        await watched.end()
      }),
    )
  })

  it.each([
    { watch: { settleMs: -1 } },
    { watch: { pollMs: 0 } },
    { watch: { relistMs: 0 } },
    { watch: { poll: 3 } as object },
    { watch: 'yes' as unknown as boolean },
  ])('refuses %j', (options) => {
    expect(() => fromFiles('x', options)).toThrow(/^Expected/)
  })

  it('watches a bucket', async () => {
    await s3.put('in/b.png', png)
    const watched = new Watched('s3://data/in', { watch: { settleMs: 0, pollMs: 20 } })
    expect(await watched.next(1)).toEqual(['b.png'])
    await s3.put('in/a.png', png)
    expect(await watched.next(1)).toEqual(['a.png'])
    expect(await watched.end()).toEqual([])
  })

  it.each([
    { in: 'folder', how: {} },
    { in: 'folder', how: { pollMs: 20 } },
    { in: 'bucket', how: { pollMs: 20 } },
  ])(
    'goes on after a restart without repeating or missing a file (%j)',
    async ({ in: place, how }) => {
      const out = `${root}-out`
      const prefix = `restarts-${String(number)}`
      const from = place === 'bucket' ? `s3://data/${prefix}` : root
      const add = (name: string) =>
        place === 'bucket' ? s3.put(`${prefix}/${name}`, png) : put(name)
      const job = () =>
        fromFiles(from, { watch: { ...quick, ...how }, batchRows: 2 }).pipe(toJsonl(out))
      const checkpoint = { folder: `${root}-checkpoint`, everyMs: 20 }

      async function until(rows: number, resume: boolean): Promise<void> {
        const drain = new AbortController()
        await run(job(), {
          checkpoint: { ...checkpoint, ...(resume && { resume }) },
          drain: drain.signal,
          onProgress: ({ rows: now }) => {
            if (now >= rows) drain.abort()
          },
        })
      }

      for (const name of ['c.png', 'd.png', 'e.png']) await add(name)
      await until(3, false)
      await add('a.png')
      await add('f.png')
      await until(5, true)
      const parts = (await readdir(out)).filter((name) => !name.startsWith('.')).toSorted()
      const texts = await Promise.all(parts.map((part) => readFile(join(out, part), 'utf8')))
      const ids = texts.flatMap((text) =>
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => (JSON.parse(line) as { id: string }).id),
      )
      expect(ids.toSorted()).toEqual(['a.png', 'c.png', 'd.png', 'e.png', 'f.png'])
    },
  )
})
