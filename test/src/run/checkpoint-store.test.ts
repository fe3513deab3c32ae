import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Disk, nodeDisk } from '../../../src/disk.ts'
import { ConnectorError, DataError } from '../../../src/errors.ts'
import { type Checkpoint, CheckpointStore } from '../../../src/run/checkpoint-store.ts'
import { decodeManifest, encodeManifest } from '../../../src/run/manifest.ts'

let folder: string
let notes: string[]
const open = new Set<CheckpointStore>()

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'millrace-store-')), 'checkpoints')
  notes = []
})

afterEach(async () => {
  for (const store of open) await store.close()
  open.clear()
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

async function opened(disk: Disk = nodeDisk): Promise<CheckpointStore> {
  const store = await CheckpointStore.open(folder, { disk, note: (line) => notes.push(line) })
  open.add(store)
  return store
}

async function closed(store: CheckpointStore): Promise<void> {
  open.delete(store)
  await store.close()
}

function checkpoint(number: number, changes: Partial<Checkpoint> = {}): Checkpoint {
  return {
    number,
    status: 'running',
    plan: [{ key: 'fromFiles', name: 'fromFiles', settings: '{"path":"photos"}', inputs: [] }],
    seed: 7,
    states: new Map<string, unknown>([['fromFiles', { row: number * 10 }]]),
    publications: [],
    ...changes,
  }
}

/** A folder with checkpoints 1 to `count`, let go of. */
async function withCheckpoints(count: number): Promise<void> {
  const store = await opened()
  for (let number = 1; number <= count; number++) await store.commit(checkpoint(number))
  await closed(store)
}

function manifest(number: number): string {
  return join(folder, `manifest-00000${String(number)}.json`)
}

function flipBit(path: string, byte: number): void {
  const bytes = readFileSync(path)
  bytes[byte] = (bytes[byte] ?? 0) ^ 4
  writeFileSync(path, bytes)
}

/** The machine's disk, on which one call fails. */
function failing(method: keyof Disk, code: string, when: (path: string) => boolean): Disk {
  const call = nodeDisk[method] as (...args: unknown[]) => unknown
  return {
    ...nodeDisk,
    [method]: (path: string, ...rest: unknown[]) =>
      when(path)
        ? Promise.reject(Object.assign(new Error(`${code}: of the test`), { code }))
        : call(path, ...rest),
  }
}

describe('CheckpointStore', () => {
  it('gives back what was committed', async () => {
    const store = await opened()
    const pool = new Float32Array([1, 2, 3, 4])
    const states = new Map<string, unknown>([
      ['empty', undefined],
      ['source@train', { offset: 12n, path: 'ä.jpg' }],
      ['model', new Map([['mean', pool.subarray(1, 3)]])],
      ['bytes', [Buffer.from('one'), new Uint8Array([7]), new DataView(new ArrayBuffer(2))]],
    ])
    const publications = [{ from: '.out.tmp', to: 'out.jsonl' }]
    const saved = checkpoint(1, { states, publications, summary: { rows: 3n } })
    await store.commit(saved)
    await closed(store)
    const found = await (await opened()).newest()
    expect(found).toEqual(saved)
    expect(notes).toEqual([])
  })

  it('gives every typed array its own memory, so that one can be handed to a thread', async () => {
    const store = await opened()
    const states = new Map([['model', { a: new Float64Array([1, 2]), b: new Float64Array([3]) }]])
    await store.commit(checkpoint(1, { states }))
    const found = (await store.newest())?.states.get('model') as Record<'a' | 'b', Float64Array>
    structuredClone(found.a, { transfer: [found.a.buffer as ArrayBuffer] })
    expect(found.a).toHaveLength(0)
    expect(found.b).toEqual(new Float64Array([3]))
  })

  it('has no checkpoint at first, and the same run until it is cleared', async () => {
    const store = await opened()
    const { runId } = store
    expect(await store.newest()).toBeUndefined()
    expect(runId).toMatch(/^[0-9a-f]{12}$/)
    await closed(store)
    const again = await opened()
    expect(again.runId).toBe(runId)
    await again.commit(checkpoint(1))
    await again.clear()
    expect(again.runId).not.toBe(runId)
    expect(await again.newest()).toBeUndefined()
    expect(readdirSync(folder).sort()).toEqual(['lock', 'run', 'run.json'])
  })

  it('keeps the last three', async () => {
    await withCheckpoints(5)
    expect(readdirSync(folder).sort()).toEqual([
      ...['000003', '000004', '000005'],
      ...['manifest-000003.json', 'manifest-000004.json', 'manifest-000005.json'],
      ...['run', 'run.json'],
    ])
  })

  it('keeps nothing behind a published one', async () => {
    await withCheckpoints(2)
    const store = await opened()
    writeFileSync(join(store.runFolder, 'rejects'), 'x')
    await store.commit(checkpoint(3, { status: 'published', states: new Map(), summary: 1 }))
    expect(readdirSync(folder).sort()).toEqual([
      '000003',
      'lock',
      'manifest-000003.json',
      'run.json',
    ])
    expect(await store.newest()).toMatchObject({ status: 'published', summary: 1 })
  })

  it('keeps what the run has in its folder from the first checkpoint on', async () => {
    const store = await opened()
    writeFileSync(join(store.runFolder, 'rejects'), 'x')
    await closed(store)
    const again = await opened()
    expect(readdirSync(again.runFolder)).toEqual([])
    writeFileSync(join(again.runFolder, 'rejects'), 'y')
    await again.commit(checkpoint(1))
    await closed(again)
    expect(readdirSync((await opened()).runFolder)).toEqual(['rejects'])
  })

  it('keeps files of states, and finds their folder again', async () => {
    const store = await opened()
    const key = 'index@../a b/é'
    const path = await store.fileFolder(1, key)
    expect(path).toBe(join(folder, '000001', 'index@%2E%2E%2Fa%20b%2F%C3%A9'))
    mkdirSync(join(path, 'model'))
    writeFileSync(join(path, 'model', 'rows.bin'), 'rows')
    await store.commit(checkpoint(1))
    await closed(store)
    const again = await opened()
    expect((await again.newest())?.number).toBe(1)
    const found = await again.fileFolder(1, key)
    expect(readFileSync(join(found, 'model', 'rows.bin'), 'utf8')).toBe('rows')
  })

  it('gives slots with long keys folders of their own', async () => {
    const store = await opened()
    const long = 'a'.repeat(300)
    const [a, b] = [await store.fileFolder(1, `${long}1`), await store.fileFolder(1, `${long}2`)]
    expect(a).not.toBe(b)
    expect(existsSync(a) && existsSync(b)).toBe(true)
  })

  it('removes what a crash left of a checkpoint', async () => {
    await withCheckpoints(1)
    const store = await opened()
    writeFileSync(join(await store.fileFolder(2, 'index'), 'half'), 'x')
    writeFileSync(`${manifest(2)}.tmp`, '{"format"')
    await closed(store)
    const again = await opened()
    expect(existsSync(join(folder, '000002'))).toBe(false)
    expect(existsSync(`${manifest(2)}.tmp`)).toBe(false)
    expect((await again.newest())?.number).toBe(1)
  })

  const damages: readonly {
    readonly name: string
    readonly damage: () => void
    readonly reason: RegExp
  }[] = [
    {
      name: 'a cut manifest',
      damage: () => {
        truncateSync(manifest(3), 100)
      },
      reason: /got no whole JSON/,
    },
    {
      name: 'an empty manifest',
      damage: () => {
        truncateSync(manifest(3), 0)
      },
      reason: /got an empty file/,
    },
    {
      name: 'a flipped bit in a manifest',
      damage: () => {
        flipBit(manifest(3), readFileSync(manifest(3)).indexOf('photos'))
      },
      reason: /got another checksum/,
    },
    {
      name: 'JSON of another kind',
      damage: () => {
        writeFileSync(manifest(3), 'null')
      },
      reason: /got another checksum/,
    },
    {
      name: 'a cut state',
      damage: () => {
        truncateSync(join(folder, '000003/state.bin'), 3)
      },
      reason: /Expected state\.bin to have \d+ bytes, got 3/,
    },
    {
      name: 'a flipped bit in a state',
      damage: () => {
        flipBit(join(folder, '000003/state.bin'), 5)
      },
      reason: /Expected state\.bin as it was written, got another checksum/,
    },
    {
      name: 'a missing state',
      damage: () => {
        rmSync(join(folder, '000003/state.bin'))
      },
      reason: /Expected state\.bin, got no such file/,
    },
    {
      name: 'a missing folder',
      damage: () => {
        rmSync(join(folder, '000003'), { recursive: true })
      },
      reason: /got no such file/,
    },
  ]

  it.each(damages)('falls back behind $name, and says so', async ({ damage, reason }) => {
    await withCheckpoints(3)
    damage()
    const store = await opened()
    const found = await store.newest()
    expect(found).toEqual(checkpoint(2))
    expect(notes).toHaveLength(1)
    expect(notes[0]).toContain(`checkpoint 3 is damaged (${manifest(3)}: `)
    expect(notes[0]).toMatch(reason)
    expect(notes[0]).toMatch(/; going on from checkpoint 2$/)
    await store.commit(checkpoint(3, { seed: 8 }))
    expect((await store.newest())?.seed).toBe(8)
  })

  it.each(['rows.bin', 'model/rows.bin'])('falls back behind a damaged %s', async (name) => {
    await withCheckpoints(1)
    const store = await opened()
    await store.newest()
    const path = join(await store.fileFolder(2, 'index'), name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, 'rows')
    await store.commit(checkpoint(2))
    flipBit(path, 0)
    expect((await store.newest())?.number).toBe(1)
    expect(notes[0]).toContain(`Expected index/${name} as it was written`)
  })

  it('never goes back to a checkpoint that was passed over', async () => {
    await withCheckpoints(3)
    const whole = readFileSync(join(folder, '000003/state.bin'))
    truncateSync(join(folder, '000003/state.bin'), 1)
    const store = await opened()
    expect((await store.newest())?.number).toBe(2)
    writeFileSync(join(folder, '000003/state.bin'), whole)
    expect((await store.newest())?.number).toBe(2)
    expect(existsSync(`${manifest(3)}.damaged`)).toBe(true)
  })

  it('falls back where the medium cannot be read, and not where this process may not', async () => {
    await withCheckpoints(2)
    const broken = await opened(failing('readFile', 'EIO', (path) => path === manifest(2)))
    expect((await broken.newest())?.number).toBe(1)
    await closed(broken)
    await expect(
      opened(failing('readFile', 'EACCES', (path) => path === manifest(1))),
    ).rejects.toThrow(ConnectorError)
  })

  it('fails when all are damaged, and says what to do', async () => {
    await withCheckpoints(4)
    for (const number of [2, 3, 4]) truncateSync(manifest(number), 10)
    const store = await opened()
    const error = await store.newest().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).url).toBe(folder)
    expect((error as DataError).message).toMatch(
      /got 3 damaged \(manifest-000004\.json: .*manifest-000002\.json: .*\); restore the folder from a copy, or start over with an empty one$/,
    )
  })

  it('refuses what a later version wrote', async () => {
    await withCheckpoints(2)
    const later = { ...decodeManifest(readFileSync(manifest(2)), ''), version: 2 }
    writeFileSync(manifest(2), encodeManifest(later))
    await expect(opened()).rejects.toThrow(
      `Expected checkpoints of format version 1 in ${folder}, got version 2; resume with the version of Millrace that wrote them`,
    )
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  it('knows its run without run.json', async () => {
    const store = await opened()
    const { runId } = store
    await store.commit(checkpoint(1))
    await closed(store)
    writeFileSync(join(folder, 'run.json'), '')
    expect((await opened()).runId).toBe(runId)
  })

  it.each([{ file: '000002/state.bin' }, { file: 'manifest-000002.json.tmp' }])(
    'commits nothing when the disk is full at $file, and can go on',
    async ({ file }) => {
      await withCheckpoints(1)
      let full = true
      const disk = failing('open', 'ENOSPC', (path) => full && path.endsWith(file))
      const store = await opened(disk)
      await store.newest()
      const error = await store.commit(checkpoint(2)).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ConnectorError)
      expect((error as ConnectorError).cause).toMatchObject({ code: 'ENOSPC' })
      expect(readdirSync(folder).sort()).toEqual([
        ...['000001', 'lock', 'manifest-000001.json', 'run', 'run.json'],
      ])
      full = false
      await store.commit(checkpoint(2))
      expect((await store.newest())?.number).toBe(2)
    },
  )

  it('keeps what a manifest may point to when its rename fails', async () => {
    const store = await opened(failing('rename', 'EIO', (path) => path.includes('manifest')))
    await expect(store.commit(checkpoint(1))).rejects.toThrow(ConnectorError)
    renameSync(`${manifest(1)}.tmp`, manifest(1))
    await closed(store)
    expect((await (await opened()).newest())?.number).toBe(1)
  })

  it('names the slot whose state cannot be written', async () => {
    const store = await opened()
    const states = new Map([['pca', { close: () => undefined }]])
    await expect(store.commit(checkpoint(1, { states }))).rejects.toThrow(
      /^Expected the state of pca to be what structuredClone takes/,
    )
    expect(await store.newest()).toBeUndefined()
  })

  it('refuses a number that is committed', async () => {
    const store = await opened()
    await store.commit(checkpoint(2))
    await expect(store.commit(checkpoint(2))).rejects.toThrow(
      'Expected a checkpoint after number 2, got 2',
    )
  })

  it('refuses a folder with other files, and touches none', async () => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'thesis.doc'), 'x')
    await expect(opened()).rejects.toThrow(
      `Expected ${folder} to be empty or the folder of a run's checkpoints, got \`thesis.doc\` in it`,
    )
    expect(readdirSync(folder)).toEqual(['thesis.doc'])
  })

  it('refuses a file, and a folder that cannot be written', async () => {
    writeFileSync(folder, 'x')
    await expect(opened()).rejects.toThrow(ConnectorError)
    rmSync(folder)
    await expect(
      opened(failing('mkdir', 'EACCES', (path) => path === folder)),
    ).rejects.toMatchObject({ code: 'CONNECTOR', retryable: false, url: folder })
    // Root may write anywhere.
    if (process.getuid?.() === 0) return
    mkdirSync(folder)
    chmodSync(folder, 0o500)
    await expect(opened()).rejects.toThrow(ConnectorError)
  })

  it('leaves the newest checkpoint to the last when it is cleared', async () => {
    await withCheckpoints(2)
    const disk = failing('rm', 'EIO', (path) => path === manifest(2))
    const store = await opened(disk)
    await expect(store.clear()).rejects.toThrow(ConnectorError)
    await closed(store)
    expect((await (await opened()).newest())?.number).toBe(2)
  })
})
