/** Before the digits of an integer that a number cannot hold, in the text that is parsed. */
const mark = '\u0000'

const stringPattern = String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`
const numbers = new RegExp(String.raw`${stringPattern}|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`, 'gs')

/**
 * Parses JSON; integers beyond 2^53 are `bigint`, exact.
 *
 * @throws {SyntaxError} if it is not JSON
 */
export function parseJson(text: string): unknown {
  if (!/(?:^|[^.\d])\d{16}/.test(text)) return JSON.parse(text)
  const marked = text.replace(numbers, (token) =>
    /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"\\u0000${token}"` : token,
  )
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && /^\0-?\d{16,}$/.test(value) ? BigInt(value.slice(1)) : value,
  )
}

/** Writes what {@link parseJson} gives. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? `${mark}${String(each)}` : each,
  )
  return text.replace(/"\\u0000(-?\d{16,})"/g, '$1')
}

/** What a JSON text is made of. */
export interface JsonShape {
  /** How many keys its outermost object has; the same one twice counts twice. */
  readonly keys: number
  /** How deep its lists and objects are nested. */
  readonly depth: number
}

/** Looks at the brackets and colons of a JSON text. */
export function jsonShape(text: string): JsonShape {
  let level = 0
  let depth = 0
  let keys = 0
  for (let at = 0; at < text.length; at++)
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        break
      case '{':
      case '[':
        depth = Math.max(depth, ++level)
        break
      case '}':
      case ']':
        level--
        break
      case ':':
        if (level === 1) keys++
    }
  return { keys, depth }
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}
