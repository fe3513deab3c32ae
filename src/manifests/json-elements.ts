import { DataError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { limitBytes } from './text-lines.ts'

/** An object in one of the lists of a JSON file. */
export interface JsonElement {
  /** The key of the list. */
  readonly list: string
  /** The object's text. */
  readonly text: string
}

/**
 * The objects in the lists that a JSON file has under `lists` at its outermost level, as they stand. The rest is only
 * looked at for its brackets and strings. Holds one object.
 *
 * @throws {DataError} if the file is no JSON object, is cut, or has an object that is too large
 */
export async function* jsonElements(
  source: ByteSource,
  lists: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<JsonElement> {
  const scanner = new ElementScanner(source.url, lists)
  for await (const piece of source.stream(0, signal)) yield* scanner.scan(piece)
  scanner.end()
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]')
const space = new Set(Buffer.from(' \t\r\n'))

class ElementScanner {
  readonly #url: string
  readonly #lists: ReadonlySet<string>
  #level = 0
  #quoted = false
  #escaped = false
  /** The last string of the outermost object: the key of what is open in it. */
  #key = ''
  /** Whether what is open there is one of the lists. */
  #listed = false
  #taking: 'key' | 'element' | undefined
  #taken: Uint8Array[] = []
  #takenBytes = 0
  #ended = false

  constructor(url: string, lists: ReadonlySet<string>) {
    this.#url = url
    this.#lists = lists
  }

  *scan(piece: Uint8Array): Generator<JsonElement> {
    /** Where in the piece that begins which is being taken. */
    let from = 0
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]
      if (this.#quoted) {
        if (this.#escaped) this.#escaped = false
        else if (byte === backslash) this.#escaped = true
        else if (byte === quote) {
          this.#quoted = false
          if (this.#taking === 'key') this.#key = this.#parsedKey(piece.subarray(from, at + 1))
        }
      } else if (byte === quote) {
        this.#quoted = true
        if (this.#level === 1) {
          this.#taking = 'key'
          from = at
        }
      } else if (byte === openBrace || byte === openBracket) {
        if (this.#open(byte === openBrace)) from = at
      } else if (byte === closeBrace || byte === closeBracket) {
        if (this.#level-- === 0) throw this.#noObject()
        if (this.#level === 0) this.#ended = true
        if (this.#taking === 'element' && this.#level === 2)
          yield { list: this.#key, text: this.#take(piece.subarray(from, at + 1)) }
      } else if (this.#level === 0 && !space.has(byte ?? 0)) throw this.#noObject()
    }
    if (this.#taking) this.#keep(piece.slice(from))
  }

  end(): void {
    if (this.#ended) return
    const got = this.#level === 0 ? 'nothing' : 'one that is cut'
    throw new DataError(`Expected a JSON object in ${this.#url}, got ${got}`, { url: this.#url })
  }

  /** Whether the object or list that opens is one to take. */
  #open(object: boolean): boolean {
    if (this.#level === 0 && (!object || this.#ended)) throw this.#noObject()
    this.#level++
    if (this.#level === 2) this.#listed = !object && this.#lists.has(this.#key)
    if (this.#level !== 3 || !this.#listed || !object) return false
    this.#taking = 'element'
    return true
  }

  #keep(bytes: Uint8Array): void {
    this.#taken.push(bytes)
    this.#takenBytes += bytes.length
    if (this.#takenBytes <= limitBytes) return
    const url = this.#url
    throw new DataError(
      `Expected objects of at most ${String(limitBytes)} bytes in ${url}, got a larger one`,
      { url },
    )
  }

  #take(end: Uint8Array): string {
    this.#keep(end)
    const text = Buffer.concat(this.#taken).toString()
    this.#taken = []
    this.#takenBytes = 0
    this.#taking = undefined
    return text
  }

  #parsedKey(end: Uint8Array): string {
    const text = this.#take(end)
    try {
      return JSON.parse(text) as string
    } catch (cause) {
      throw new DataError(
        `Expected JSON in ${this.#url}, got ${text}`,
        { url: this.#url },
        { cause },
      )
    }
  }

  #noObject(): DataError {
    const url = this.#url
    return new DataError(`Expected ${url} to be one JSON object, got something else`, { url })
  }
}
