/** Before the digits of an integer that a number cannot hold, in the text that is parsed. */
const mark = '\u0000'

const stringPattern = String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`
const numbers = new RegExp(String.raw`${stringPattern}|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`, 'gs')
const structure = new RegExp(String.raw`${stringPattern}|[{}[\]:]`, 'gs')

/**
 * Parses JSON; integers beyond 2^53 are `bigint`, exact.
 *
 * @throws {SyntaxError} if it is not JSON
 */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text)
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

/** How many keys the outermost object of a JSON text has, the same one twice counted twice. */
export function keysOf(text: string): number {
  let depth = 0
  let keys = 0
  for (const [token] of text.matchAll(structure)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (token === ':' && depth === 1) keys++
  }
  return keys
}
