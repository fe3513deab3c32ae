import { ConnectorError } from '../errors.ts'
import { ChildSignal } from '../flow/child-signal.ts'
import { type ByteSource, cutShort } from './byte-source.ts'
import { retrying } from './retry.ts'
import type { StorageSettings } from './storage-options.ts'
import { limited } from './limited.ts'
import { connectionError } from './transport-error.ts'

/** What is known of something stored elsewhere. */
export interface RemoteFacts {
  /** How many bytes it has. */
  readonly bytes: number
  /** Names this version of it. */
  readonly etag: string | undefined
}

/** Bytes that are asked for; the whole where they begin at 0 and have no end, so that a checksum can be checked. */
export interface RemoteRange {
  /** The first one. */
  readonly from: number
  /** Behind the last one; undefined for the end. */
  readonly to?: number
  /** The version that they have to be of. */
  readonly etag?: string | undefined
}

/** One thing stored elsewhere, by single requests. Their errors say whether they are `retryable`. */
export interface RemoteObject {
  /** Where it is, for errors. */
  readonly url: string
  /** Its size and version. */
  head(signal: AbortSignal): Promise<RemoteFacts>
  /** Its bytes in a range. */
  get(range: RemoteRange, signal: AbortSignal): Promise<RemoteBody>
}

/** What comes of a request for bytes. */
export interface RemoteBody {
  /** The bytes, piece by piece. */
  readonly pieces: AsyncIterable<Uint8Array>
  /** How many bytes the whole has, where the answer says so. */
  readonly total?: number | undefined
}

/**
 * Reads `object` by requests that are tried again, each with a time limit for its answer and for each next piece of
 * it. All of them get the same version: one that changes in between is an error.
 *
 * - Memory: the range that is read, and a piece.
 */
export class RemoteBytes implements ByteSource {
  readonly #object: RemoteObject
  readonly #settings: StorageSettings
  #facts: Promise<RemoteFacts> | undefined

  /** Whoever has the facts from a listing spares a request. */
  constructor(object: RemoteObject, settings: StorageSettings, known?: RemoteFacts) {
    this.#object = object
    this.#settings = settings
    this.#facts = known && Promise.resolve(known)
  }

  get url(): string {
    return this.#object.url
  }

  async size(signal: AbortSignal): Promise<number> {
    return (await this.#factsOf(signal)).bytes
  }

  async read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    const { url } = this
    const { bytes, etag } = await this.#factsOf(signal)
    if (offset + length > bytes)
      throw cutShort(url, offset, { wanted: length, got: Math.max(0, bytes - offset) })
    if (length === 0) return new Uint8Array()
    const whole = offset === 0 && length === bytes
    const range = { from: offset, etag, ...(!whole && { to: offset + length }) }
    return this.#retrying(signal, async () => {
      const out = new Uint8Array(length)
      let filled = 0
      for await (const piece of this.#pieces(range, signal)) {
        if (filled + piece.length > length) throw changed(url)
        out.set(piece, filled)
        filled += piece.length
      }
      if (filled < length) throw endedEarly(url, { wanted: length, got: filled })
      return out
    })
  }

  async *stream(offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { bytes, etag } = await this.#factsOf(signal)
    for (let at = offset; at < bytes;) {
      // Asked for again from where it broke off; the deadline is for the wait until it goes on.
      const [rest, first] = await this.#retrying(signal, async () => {
        const pieces = this.#pieces({ from: at, etag }, signal)
        const piece = await pieces.next()
        if (piece.done) throw endedEarly(this.url, { wanted: bytes - at, got: 0 })
        return [pieces, piece.value] as const
      })
      try {
        for (let piece: Uint8Array | undefined = first; piece;) {
          at += piece.length
          if (at > bytes) throw changed(this.url)
          yield piece
          // Behind the last byte it is that what has come does not fit its checksum.
          const next = at < bytes ? rest.next().catch(passed) : rest.next()
          piece = (await next)?.value as Uint8Array | undefined
        }
      } finally {
        await rest.return(undefined)
      }
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #factsOf(signal: AbortSignal): Promise<RemoteFacts> {
    if (!this.#facts) {
      this.#facts = this.#retrying(signal, () =>
        this.#timed(signal, (inner) => this.#object.head(inner)),
      )
      this.#facts.catch(() => (this.#facts = undefined))
    }
    return this.#facts
  }

  /** The pieces of one answer. */
  async *#pieces(range: RemoteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const request = new ChildSignal(signal)
    try {
      const { pieces, total } = await this.#timed(signal, () =>
        this.#object.get(range, request.signal),
      )
      if (total !== undefined && total !== (await this.size(signal))) throw changed(this.url)
      const reader = pieces[Symbol.asyncIterator]()
      for (;;) {
        const next = await this.#timed(signal, () => reader.next())
        if (next.done) return
        yield next.value
      }
    } catch (cause) {
      signal.throwIfAborted()
      throw connectionError(cause, { what: 'read', url: this.url })
    } finally {
      request.abort()
    }
  }

  #retrying<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { deadlineMs } = this.#settings
    return retrying(work, { url: this.url, deadlineMs, signal })
  }

  #timed<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { requestTimeoutMs: timeoutMs } = this.#settings
    return limited(work, { signal, timeoutMs, what: 'read', url: this.url })
  }
}

/** What is asked for, of an answer with everything from a server that does not know ranges. */
export async function* part(
  body: AsyncIterable<Uint8Array>,
  { from, to = Infinity }: RemoteRange,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const piece of body) {
    const wanted = piece.subarray(Math.max(0, from - at), Math.max(0, to - at))
    if (wanted.length > 0) yield wanted
    at += piece.length
    if (at >= to) return
  }
}

/** Lets an error pass that another request may not meet. */
function passed(error: unknown): undefined {
  if (!(error instanceof ConnectorError) || !error.retryable) throw error
}

function endedEarly(
  url: string,
  { wanted, got }: { readonly wanted: number; readonly got: number },
): ConnectorError {
  const message = `Expected ${String(wanted)} bytes of ${url}, got an answer of ${String(got)}`
  return new ConnectorError(message, { url, retryable: true })
}

/** The error for something that is not what it was when reading began. */
export function changed(url: string): ConnectorError {
  return new ConnectorError(
    `Expected ${url} to stay as it is while it is read, got another version: start over when nobody writes to it`,
    { url, retryable: false, status: 412 },
  )
}
