import { randomUUID } from 'node:crypto'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import { failPoint } from '../run/fail-point.ts'
import { type Ask, askS3 } from '../storage/ask-s3.ts'
import { parseLocation } from '../storage/location.ts'
import { s3Bytes, type S3Place, s3Url } from '../storage/s3-bytes.ts'
import { abortUpload, abortUploads } from '../storage/s3-uploads.ts'
import type { StorageSettings } from '../storage/storage-options.ts'
import type { Output, OutputState } from './output.ts'

/** What a checkpoint keeps of an upload. */
export interface UploadState extends OutputState {
  /** Where the object will be. */
  readonly place: S3Place
  /** The upload's id; undefined before the first part. */
  readonly upload: string | undefined
  /** Goes with the object, so that it is known again when the answer to its completion was lost. */
  readonly tag: string
  /** Its parts, in order. */
  readonly parts: readonly CompletedPart[]
  /** Bytes that are not enough for a part. */
  readonly tail: Uint8Array
}

/** Bytes of a part; later ones are longer, since there are at most 10,000. */
const partBytes = 8 * 2 ** 20
const partsOfASize = 1000
const mostParts = 10_000

/** How much later than it was given up a request may be done. */
const lateMs = 60_000

/** The key of {@link UploadState.tag} in an object's metadata. */
export const tagKey = 'millrace-output'

/**
 * An object that is uploaded in parts. It is there when the upload is completed, which {@link S3Upload.publish}
 * does: what a run leaves behind otherwise is an upload, and no object.
 *
 * - Memory: two parts, 16 MiB and more with every 1,000 parts (up to 160 MiB, at 440 GB).
 */
export class S3Upload implements Output {
  readonly #settings: StorageSettings
  readonly #signal: AbortSignal
  readonly #place: S3Place
  readonly #tag: string
  readonly #parts: CompletedPart[]
  #upload: string | undefined
  /** How long it took to begin the upload, where answers to that were lost. */
  #lostMs: number | undefined
  #bytes: number
  #part: Uint8Array
  #filled: number
  #sending: Promise<void> = Promise.resolve()

  constructor(
    state: Pick<UploadState, 'place'> & Partial<UploadState>,
    { settings, signal }: { settings: StorageSettings; signal: AbortSignal },
  ) {
    const { place, upload, tag = randomUUID(), parts = [], bytes = 0, tail } = state
    this.#place = place
    this.#upload = upload
    this.#tag = tag
    this.#parts = [...parts]
    this.#bytes = bytes
    this.#part = new Uint8Array(this.#partBytes())
    this.#filled = tail?.length ?? 0
    if (tail) this.#part.set(tail)
    this.#settings = settings
    this.#signal = signal
  }

  get path(): string {
    return s3Url(this.#place)
  }

  get bytes(): number {
    return this.#bytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + this.#part.length - this.#filled)
      this.#part.set(piece, this.#filled)
      this.#filled += piece.length
      this.#bytes += piece.length
      at += piece.length
      if (this.#filled === this.#part.length) await this.#cut()
    }
  }

  async copy(path: string, length: number): Promise<void> {
    const place = parseLocation('path', path) as S3Place
    let left = length
    for await (const piece of s3Bytes(place, this.#settings).stream(0, this.#signal)) {
      await this.append(piece.subarray(0, left))
      left -= Math.min(left, piece.length)
      if (left === 0) break
    }
  }

  async stage(): Promise<UploadState> {
    await this.#sending
    return {
      path: this.path,
      bytes: this.#bytes,
      place: this.#place,
      upload: this.#upload,
      tag: this.#tag,
      parts: [...this.#parts],
      tail: this.#part.slice(0, this.#filled),
    }
  }

  async finish(): Promise<UploadState> {
    // An object without bytes has one part without bytes.
    if (this.#filled > 0 || this.#bytes === 0) await this.#cut()
    const state = await this.stage()
    await this.#clearLate()
    return state
  }

  async close(): Promise<void> {
    await this.#sending.catch(() => undefined)
  }

  async discard(): Promise<void> {
    await this.close()
    await this.#clearLate()
    await S3Upload.remove({ place: this.#place, upload: this.#upload }, this.#settings)
  }

  /** Aborts an upload, as far as that can be done. */
  static async remove(
    { place, upload }: Pick<UploadState, 'place' | 'upload'>,
    settings: StorageSettings,
  ): Promise<void> {
    if (upload === undefined) return
    const signal = new AbortController().signal
    await abortUpload(place, upload, { settings, signal }).catch(() => undefined)
  }

  /** Starts sending the part that is full, when the one before has been sent. */
  async #cut(): Promise<void> {
    await this.#sending
    const body = this.#part.subarray(0, this.#filled)
    this.#sending = this.#send(body)
    this.#sending.catch(() => undefined)
    this.#part = new Uint8Array(this.#partBytes())
    this.#filled = 0
  }

  async #send(body: Uint8Array): Promise<void> {
    const { bucket: Bucket, key: Key } = this.#place
    const number = this.#parts.length + 1
    if (number > mostParts) throw tooLong(this.path)
    this.#upload ??= await this.#begin()
    const UploadId = this.#upload
    const part = { Bucket, Key, UploadId, PartNumber: number, Body: body }
    const { ETag, ChecksumCRC32 } = await this.#ask(
      ({ s3, client, how }) =>
        client.send(new s3.UploadPartCommand({ ...part, ChecksumAlgorithm: 'CRC32' }), how),
      body.length,
    )
    this.#parts.push({ PartNumber: number, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) })
    failPoint('upload: after a part')
  }

  async #begin(): Promise<string> {
    const { bucket: Bucket, key: Key } = this.#place
    const Metadata = { [tagKey]: this.#tag }
    const began = performance.now()
    let tries = 0
    failPoint('upload: before create')
    try {
      const id = await this.#ask(async ({ s3, client, how }) => {
        tries++
        const upload = { Bucket, Key, Metadata, ChecksumAlgorithm: 'CRC32' as const }
        const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(upload), how)
        return UploadId ?? ''
      })
      failPoint('upload: after create')
      if (tries > 1) {
        this.#lostMs = performance.now() - began
        await this.#clearTries(this.#lostMs, id)
      }
      return id
    } catch (error) {
      await this.#clearTries(performance.now() - began).catch(() => undefined)
      throw error
    }
  }

  /** The service may have done later what was given up. An upload that stays does not spoil the object. */
  async #clearLate(): Promise<void> {
    if (this.#lostMs === undefined) return
    await this.#clearTries(this.#lostMs, this.#upload).catch(() => undefined)
  }

  /** Aborts what was begun by tries whose answers were lost, in `withinMs` and up to a minute late. */
  async #clearTries(withinMs: number, id?: string): Promise<void> {
    const { bucket, key } = this.#place
    const how = { settings: this.#settings, signal: new AbortController().signal }
    await abortUploads({ bucket, prefix: key }, how, (upload, uploads) => {
      // The clock of the service tells whole seconds, and it need not be ours.
      const own = uploads.find((each) => each.id === id)
      const [since, until] = own
        ? [own.began.getTime() - 1_000, own.began.getTime() + lateMs]
        : [Date.now() - lateMs, Infinity]
      const began = upload.began.getTime()
      const recent = began >= since - withinMs && began <= until
      return upload.key === key && upload.id !== id && recent
    })
  }

  #ask<T>(ask: (access: Ask) => Promise<T>, bytes = 0): Promise<T> {
    const asking = { settings: this.#settings, signal: this.#signal, what: 'write', bytes }
    return askS3({ ...asking, url: this.path }, ask)
  }

  #partBytes(): number {
    return partBytes * (1 + Math.floor(this.#parts.length / partsOfASize))
  }
}

function tooLong(url: string): ConnectorError {
  return new ConnectorError(
    `Expected ${url} to take at most ${String(mostParts)} parts, got more: write several files`,
    { url, retryable: false },
  )
}
