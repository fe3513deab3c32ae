import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { nodeDisk } from '../disk.ts'
import { ConnectorError, DataError } from '../errors.ts'
import { isInside } from '../path-inside.ts'
import { s3Bytes, type S3Place, s3Url } from '../storage/s3-bytes.ts'
import { listObjects } from '../storage/s3-listing.ts'
import { putNew, putObject, removeObject } from '../storage/s3-objects.ts'
import type { StorageSettings } from '../storage/storage-options.ts'
import { failPoint } from './fail-point.ts'

/** A piece of a file, as an object. */
interface Segment {
  readonly key: string
  readonly bytes: number
}

/** A file as it is in the bucket. */
interface MirroredFile {
  /** Below the folder, with `/`. */
  readonly path: string
  readonly segments: readonly Segment[]
}

/** What the folder held at a checkpoint. */
interface Index {
  readonly version: 1
  /** Tells this commit from another of that number. */
  readonly commit: string
  readonly files: readonly MirroredFile[]
}

/** A file that was put, and what it was like then. */
interface Put extends MirroredFile {
  readonly bytes: number
  readonly modified: number
  /** Whether this process has written all of it: such files only grow, while those of an earlier one may be cut back. */
  readonly own: boolean
}

const segmentBytes = 16 * 2 ** 20
const keptIndexes = 3
/** Pieces that no index has are removed when no run can be about to point to them. */
const orphanMs = 24 * 3_600_000
const indexPattern = /index-(\d{6,})\.json$/

/**
 * A folder of checkpoints that is kept in a bucket: a run works in a folder of this machine, whose files are put there
 * at each commit, the grown ones by what they have grown. An index that may be put only once (`If-None-Match: *`) is the
 * commit; so of two runs that write to the same prefix one fails.
 *
 * - Memory: a piece, 16 MiB.
 */
export class CheckpointMirror {
  /** The folder of this machine. */
  readonly folder: string
  readonly #place: S3Place
  readonly #settings: StorageSettings
  readonly #signal = new AbortController().signal
  #files = new Map<string, Put>()
  /** By number, those in the bucket. */
  readonly #indexes = new Map<number, Index>()

  private constructor(folder: string, place: S3Place, settings: StorageSettings) {
    this.folder = folder
    this.#place = { ...place, key: place.key.replace(/\/*$/, '/') }
    this.#settings = settings
  }

  /**
   * Makes a folder with what the newest index in the bucket has.
   *
   * @throws {ConnectorError} if the bucket cannot be read
   * @throws {DataError} if an index is not one
   */
  static async open(place: S3Place, settings: StorageSettings): Promise<CheckpointMirror> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-checkpoint-'))
    const mirror = new CheckpointMirror(folder, place, settings)
    try {
      await mirror.#restore()
      return mirror
    } catch (error) {
      await mirror.close()
      throw error
    }
  }

  /** Claims the prefix for a run that has no checkpoint yet. */
  async begin(): Promise<void> {
    if (this.#indexes.size === 0) await this.commit(0)
  }

  /**
   * Puts what has changed, and commits it.
   *
   * @throws {ConnectorError} if another run has committed that number
   */
  async commit(number: number, { last = false } = {}): Promise<void> {
    const files = new Map<string, Put>()
    for (const path of await this.#paths()) {
      const file = await this.#put(path)
      if (file) files.set(path, file)
    }
    const index: Index = {
      version: 1,
      commit: randomUUID(),
      files: [...files.values()].map(({ path, segments }) => ({ path, segments })),
    }
    failPoint('mirror: before commit')
    const place = this.#at(indexName(number))
    const text = Buffer.from(`${JSON.stringify(index)}\n`)
    if (!(await putNew(place, text, this.#settings, this.#signal))) {
      const there = await this.#indexAt(number).catch(() => undefined)
      // The answer to a try of ours may have been lost.
      if (there?.commit !== index.commit) throw taken(s3Url(place))
    }
    failPoint('mirror: after commit')
    this.#files = files
    this.#indexes.set(number, index)
    await this.#removeOld(last ? 1 : keptIndexes)
  }

  /** Removes all there is, and claims the prefix for another run. */
  async clear(): Promise<void> {
    await this.#removeOld(0)
    this.#files.clear()
    await this.begin()
  }

  /** Removes the folder of this machine. */
  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }

  async #restore(): Promise<void> {
    const { bucket, key: prefix } = this.#place
    const found = listObjects({ bucket, prefix }, this.#settings, this.#signal)
    const pieces: { readonly key: string; readonly modified: number }[] = []
    for await (const { key, modified } of found) {
      const [, number] = indexPattern.exec(key) ?? []
      if (number !== undefined)
        this.#indexes.set(Number(number), await this.#indexAt(Number(number)))
      else pieces.push({ key, modified: Number(modified) })
    }
    const newest = Math.max(...this.#indexes.keys())
    for (const { path, segments } of this.#indexes.get(newest)?.files ?? [])
      await this.#fetch(path, segments)
    const held = this.#heldKeys()
    for (const { key, modified } of pieces)
      if (!held.has(key) && Date.now() - modified > orphanMs)
        await removeObject({ bucket, key }, this.#settings, this.#signal)
  }

  async #fetch(path: string, segments: readonly Segment[]): Promise<void> {
    const place = join(this.folder, path)
    if (!isInside(this.folder, place)) throw damaged(this.#url, `the file ${path}`)
    await mkdir(dirname(place), { recursive: true })
    const file = await open(place, 'wx')
    try {
      for (const { key, bytes } of segments) {
        const { bucket } = this.#place
        const piece = s3Bytes({ bucket, key }, this.#settings)
        if ((await piece.size(this.#signal)) !== bytes) throw damaged(this.#url, `piece ${key}`)
        for await (const part of piece.stream(0, this.#signal)) await file.write(part)
      }
    } finally {
      await file.close()
    }
    const { size, mtimeMs } = await stat(place)
    this.#files.set(path, { path, segments, bytes: size, modified: mtimeMs, own: false })
  }

  /** The files of the folder, but for locks and what is not whole. */
  async #paths(): Promise<readonly string[]> {
    const found = await readdir(this.folder, { recursive: true, withFileTypes: true })
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.folder, join(entry.parentPath, entry.name)))
      .map((path) => path.split(sep).join('/'))
      .filter((path) => !/^lock(\.|$)|\.tmp$/.test(path))
      .sort()
  }

  /** Puts what is new of a file; undefined if it is gone by now, which no checkpoint points to. */
  async #put(path: string): Promise<Put | undefined> {
    const place = join(this.folder, path)
    const found = await nodeDisk.stat(place)
    if (!found) return undefined
    const { mtimeMs: modified, size: bytes } = await stat(place)
    const before = this.#files.get(path)
    if (before?.bytes === bytes && before.modified === modified) return before
    const grown = before?.own && path.startsWith('run/') && bytes >= before.bytes
    const segments = grown ? [...before.segments] : []
    const file = await open(place)
    try {
      for (let at = grown ? before.bytes : 0; at < bytes;) {
        const piece = Buffer.alloc(Math.min(segmentBytes, bytes - at))
        const { bytesRead } = await file.read(piece, 0, piece.length, at)
        if (bytesRead < piece.length) throw damaged(place, 'a file that became shorter')
        const { bucket, key } = this.#at(`data/${randomUUID()}`)
        await putObject({ bucket, key }, piece, this.#settings, this.#signal)
        segments.push({ key, bytes: piece.length })
        at += piece.length
      }
    } finally {
      await file.close()
    }
    return { path, segments, bytes, modified, own: true }
  }

  async #indexAt(number: number): Promise<Index> {
    const place = this.#at(indexName(number))
    const object = s3Bytes(place, this.#settings)
    const text = await object.read(0, await object.size(this.#signal), this.#signal)
    return parseIndex(Buffer.from(text).toString(), s3Url(place))
  }

  /** Removes all but the newest `kept`, and the pieces that they alone have. */
  async #removeOld(kept: number): Promise<void> {
    const { bucket } = this.#place
    const before = this.#heldKeys()
    const old = [...this.#indexes.keys()].sort((a, b) => b - a).slice(kept)
    for (const number of old) {
      await removeObject(this.#at(indexName(number)), this.#settings, this.#signal)
      this.#indexes.delete(number)
    }
    const held = this.#heldKeys()
    for (const key of before)
      if (!held.has(key)) await removeObject({ bucket, key }, this.#settings, this.#signal)
  }

  #heldKeys(): Set<string> {
    const indexes = [...this.#indexes.values()]
    return new Set(
      indexes.flatMap(({ files }) =>
        files.flatMap(({ segments }) => segments.map(({ key }) => key)),
      ),
    )
  }

  #at(name: string): S3Place {
    return { ...this.#place, key: this.#place.key + name }
  }

  get #url(): string {
    return s3Url(this.#place)
  }
}

function indexName(number: number): string {
  return `index-${String(number).padStart(6, '0')}.json`
}

function parseIndex(text: string, url: string): Index {
  try {
    const index = JSON.parse(text) as Partial<Index>
    const whole = index.files?.every(
      ({ path, segments }) =>
        typeof path === 'string' &&
        segments.every(({ key, bytes }) => typeof key === 'string' && Number.isInteger(bytes)),
    )
    if (index.version === 1 && whole) return index as Index
  } catch {
    // Told below.
  }
  throw damaged(url, 'something else')
}

function damaged(url: string, got: string): DataError {
  return new DataError(`Expected the index of a checkpoint at ${url}, got ${got}`, { url })
}

function taken(url: string): ConnectorError {
  return new ConnectorError(
    `Expected to be the only run that keeps checkpoints there, got another's ${url}: give each run a prefix of its own`,
    { url, retryable: false },
  )
}
