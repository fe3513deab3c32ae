import type { ByteSource } from '../storage/byte-source.ts'
import { type Line, limitBytes, linesOf, type Place, utf8, withoutReturn } from './text-lines.ts'
import { broken, type TextRecord, tooLong } from './text-record.ts'

/** The fields of a record; null where nothing stands between the separators, '' where only quotes do. */
export type CsvFields = readonly (string | null)[]

/** How the records are read. */
export interface CsvReading {
  /** One character of ASCII. */
  readonly separator: string
  /** Ends the reading. */
  readonly signal: AbortSignal
}

const quote = 34

const unclosed = `Expected closing quotes within ${String(limitBytes)} bytes, got none`

/**
 * The records of comma-separated values from `from` on. Empty lines are passed over. A record whose quotes are
 * never closed is at fault, and what follows its first line is read as records again, so that it costs one row
 * and not the rest of the file. (csv-parse 7.0.3 drops what it has read when it skips a record that is too long, and
 * stays inside the quotes behind a wrong one.)
 *
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export async function* csvRecords(
  source: ByteSource,
  from: Place,
  reading: CsvReading,
): AsyncGenerator<TextRecord<CsvFields>> {
  for (let at: Place | undefined = from; at;) at = yield* recordsFrom(source, at, reading)
}

/** Returns where to go on, if not at the end. */
async function* recordsFrom(
  source: ByteSource,
  from: Place,
  { separator, signal }: CsvReading,
): AsyncGenerator<TextRecord<CsvFields>, Place | undefined> {
  const separatorByte = separator.charCodeAt(0)
  let place = from
  /** Lines of a record whose quotes are open so far. */
  let open: Uint8Array[] = []
  let openBytes = 0
  let behindFirst = from

  for await (const { bytes, long, next, line } of linesOf(source, from, signal)) {
    const after = { offset: next, line: line + 1, row: place.row + 1 }
    if (open.length === 0) {
      behindFirst = after
      if (withoutReturn(bytes).length === 0 && !long) {
        place = { ...after, row: place.row }
        continue
      }
    }
    openBytes += bytes.length
    if (openBytes > limitBytes || (long && open.length > 0)) break
    if (!long && leavesOpen(bytes, { inside: open.length > 0, separatorByte })) {
      open.push(bytes.slice())
      continue
    }
    const whole = open.length > 0 ? joined([...open, bytes]) : bytes
    const content = long ? tooLong(limitBytes) : fieldsOf(withoutReturn(whole), separator)
    yield { place, next: after, content }
    place = after
    open = []
    openBytes = 0
  }
  if (open.length === 0) return undefined
  yield { place, next: behindFirst, content: broken(unclosed) }
  return behindFirst
}

/** Whether quotes are open at the end of a line. They open a field only, as its first character. */
function leavesOpen(
  bytes: Line['bytes'],
  { inside, separatorByte }: { readonly inside: boolean; readonly separatorByte: number },
): boolean {
  if (!inside && !bytes.includes(quote)) return false
  let quoted = inside
  let first = !inside
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (!quoted) {
      quoted = first && byte === quote
      first = byte === separatorByte
    } else if (byte === quote) {
      if (bytes[i + 1] === quote) i++
      else quoted = false
    }
  }
  return quoted
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(lines.flatMap((line, at) => (at === 0 ? [line] : [Buffer.from('\n'), line])))
}

function fieldsOf(bytes: Uint8Array, separator: string): TextRecord<CsvFields>['content'] {
  const text = utf8(bytes)
  if (text === undefined) return broken('Expected text in UTF-8, got other bytes')
  const value = csvFields(text, separator)
  if (value) return { value }
  return broken('Expected a separator or the end of the line behind closing quotes, got text')
}

/** Takes a record apart; undefined if text follows closing quotes. Every quoted field has them. */
export function csvFields(record: string, separator: string): CsvFields | undefined {
  if (!record.includes('"')) return record.split(separator).map((text) => text || null)
  const fields: (string | null)[] = []
  for (let at = 0; ; at++) {
    if (record.startsWith('"', at)) {
      let end = record.indexOf('"', at + 1)
      while (record[end + 1] === '"') end = record.indexOf('"', end + 2)
      fields.push(record.slice(at + 1, end).replaceAll('""', '"'))
      at = end + 1
      if (at < record.length && record[at] !== separator) return undefined
    } else {
      const found = record.indexOf(separator, at)
      const end = found < 0 ? record.length : found
      fields.push(record.slice(at, end) || null)
      at = end
    }
    if (at >= record.length) return fields
  }
}
