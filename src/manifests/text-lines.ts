import { DataError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'

/** Where a record of a text file begins, and how many there are before it: what it takes to go on. */
export interface Place {
  /** In bytes. */
  readonly offset: number
  /** From 1. */
  readonly line: number
  /** Records before it, those at fault included. */
  readonly row: number
}

/** A line of text. */
export interface Line {
  /** Without LF at its end, but with CR; valid until the next line is asked for. Empty where it is `long`. */
  readonly bytes: Uint8Array
  /** Whether it is longer than {@link limitBytes}, and so not held. */
  readonly long: boolean
  /** Offset of the line behind it. */
  readonly next: number
  /** Number of the line, from 1. */
  readonly line: number
}

/** Most bytes of a record. */
export const limitBytes = 2 ** 24

const newline = 10
const carriageReturn = 13

/** The lines from `from` on, ended by LF; the last one need not be. Holds a line that spans pieces. */
export async function* linesOf(
  source: ByteSource,
  from: Pick<Place, 'offset' | 'line'>,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  let { offset, line } = from
  let held: Uint8Array[] = []
  let heldBytes = 0

  function lineWith(end: Uint8Array, ended: 0 | 1): Line {
    const size = heldBytes + end.length
    const long = size > limitBytes
    const whole = held.length > 0 && !long ? Buffer.concat([...held, end]) : end
    offset += size + ended
    held = []
    heldBytes = 0
    return { bytes: long ? new Uint8Array() : whole, long, next: offset, line: line++ }
  }

  for await (const piece of source.stream(offset, signal)) {
    let start = 0
    for (let end; (end = piece.indexOf(newline, start)) >= 0; start = end + 1)
      yield lineWith(piece.subarray(start, end), 1)
    heldBytes += piece.length - start
    if (heldBytes > limitBytes) held = []
    else if (start < piece.length) held.push(piece.slice(start))
  }
  if (heldBytes > 0) yield lineWith(new Uint8Array(), 0)
}

/** `bytes` without CR at their end. */
export function withoutReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
}

/** How much of a file is looked at to tell text from anything else. */
const sniffedBytes = 4096

/**
 * Where the text of `source` begins: behind a mark of UTF-8, if it has one.
 *
 * @throws {DataError} if it is empty, marked as UTF-16, or has bytes of value 0 in the beginning
 */
export async function startOfText(source: ByteSource, signal: AbortSignal): Promise<Place> {
  const { url } = source
  const size = await source.size(signal)
  if (size === 0) throw new DataError(`Expected text in ${url}, got no bytes`, { url })
  const bytes = await source.read(0, Math.min(sniffedBytes, size), signal)
  const [a, b, c] = bytes
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new DataError(`Expected ${url} to be text in UTF-8, got UTF-16`, { url })
  if (bytes.includes(0)) throw new DataError(`Expected ${url} to be text, got other bytes`, { url })
  const marked = a === 0xef && b === 0xbb && c === 0xbf
  return { offset: marked ? 3 : 0, line: 1, row: 0 }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of `bytes`; undefined if they are not UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
