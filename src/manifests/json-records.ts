import type { ByteSource } from '../storage/byte-source.ts'
import { jsonShape, parseJson } from './json-text.ts'
import { limitBytes, linesOf, type Place, utf8 } from './text-lines.ts'
import { broken, type TextRecord, tooLong } from './text-record.ts'

/** What is nested deeper would not fit on the stack. */
const mostLevels = 500

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * The lines from `from` on, a JSON object each. Empty ones are passed over.
 *
 * @see https://jsonlines.org
 */
export async function* jsonRecords(
  source: ByteSource,
  from: Place,
  signal: AbortSignal,
): AsyncGenerator<TextRecord<JsonObject>> {
  let place = from
  for await (const { bytes, long, next, line } of linesOf(source, from, signal)) {
    const content = long ? tooLong(limitBytes) : objectOf(bytes)
    const after = { offset: next, line: line + 1, row: place.row + (content ? 1 : 0) }
    if (content) yield { place, next: after, content }
    place = after
  }
}

function objectOf(bytes: Uint8Array): TextRecord<JsonObject>['content'] | undefined {
  const text = utf8(bytes)
  if (text === undefined) return broken('Expected text in UTF-8, got other bytes')
  if (/^[ \t\r]*$/.test(text)) return undefined
  const { keys, depth } = jsonShape(text)
  if (depth > mostLevels)
    return broken(`Expected at most ${String(mostLevels)} levels of JSON, got ${String(depth)}`)
  let value: unknown
  try {
    value = parseJson(text)
  } catch (cause) {
    return broken(`Expected a JSON object, got ${(cause as SyntaxError).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return broken(`Expected a JSON object, got ${Array.isArray(value) ? 'a list' : typeof value}`)
  if (keys > Object.keys(value).length) return broken('Expected each key once, got one twice')
  return { value: value as JsonObject }
}
