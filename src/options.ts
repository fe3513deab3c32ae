import { OptionError } from './errors.ts'

/** Returns `value` if it is an integer of at least 1, else throws an {@link OptionError}. */
export function positiveInteger(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw expected(name, 'a positive integer', value)
}

/** Returns `value` if it is an integer of at least 0, else throws an {@link OptionError}. */
export function wholeNumber(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw expected(name, 'a whole number', value)
}

/** Returns `value` if it is a finite number with `low <= value <= high`, else throws an {@link OptionError}. */
export function numberBetween(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && value >= low && value <= high) return value
  throw expected(name, `a number from ${String(low)} to ${String(high)}`, value)
}

/** Returns `value` if it is a finite number above `low`, else throws an {@link OptionError}. */
export function numberAbove(name: string, value: unknown, low: number): number {
  if (Number.isFinite(value) && (value as number) > low) return value as number
  throw expected(name, `a number above ${String(low)}`, value)
}

/** Returns `value` if it is a finite number of at least `low`, else throws an {@link OptionError}. */
export function numberAtLeast(name: string, value: unknown, low: number): number {
  if (Number.isFinite(value) && (value as number) >= low) return value as number
  throw expected(name, `a number of at least ${String(low)}`, value)
}

/** Returns `value` if it is a non-empty string, else throws an {@link OptionError}. */
export function nonEmptyString(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0) return value
  throw expected(name, 'a non-empty string', value)
}

/** Returns `value` if it is a path of the file system and not a URL, else throws an {@link OptionError}. */
export function localPath(name: string, value: unknown): string {
  const path = nonEmptyString(name, value)
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(path) ?? []
  if (scheme === undefined) return path
  throw expected(name, `a path on this machine (${scheme}:// is not supported)`, value)
}

/** Returns `value` if it is a non-empty list of strings, else throws an {@link OptionError}. */
export function columnList(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string'))
    return value
  throw expected(name, 'a non-empty list of column names', value)
}

/** Returns the fields of `value`, an object with at least one, all non-empty strings, else throws an {@link OptionError}. */
export function stringMap(name: string, value: unknown): ReadonlyMap<string, string> {
  const fields = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const texts = fields.filter(([, v]) => typeof v === 'string' && v.length > 0)
  if (!Array.isArray(value) && fields.length > 0 && texts.length === fields.length)
    return new Map(texts as [string, string][])
  throw expected(name, 'an object of non-empty strings, by column', value)
}

/** Returns `value` if it is a function, else throws an {@link OptionError}. */
export function callback<T>(name: string, value: T): T {
  if (typeof value === 'function') return value
  throw expected(name, 'a function', value)
}

/** Returns `value` if it is one of `choices`, else throws an {@link OptionError} with the nearest. */
export function oneOf<const T extends string>(
  name: string,
  value: unknown,
  choices: readonly T[],
): T {
  if (choices.includes(value as T)) return value as T
  const hint = typeof value === 'string' ? didYouMean(value, choices) : ''
  throw expected(name, `one of ${choices.map((c) => `'${c}'`).join(', ')}`, value, hint)
}

/** Throws an {@link OptionError} for a key of `options` that is not in `known`, naming the nearest. */
export function knownOptions(owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    throw new OptionError(
      `Expected ${owner} to be given only known options, got \`${key}\`${didYouMean(key, known)}`,
    )
  }
}

/** Returns `; did you mean …?` for the near-miss of `word` among `choices`, or nothing. */
export function didYouMean(word: string, choices: readonly string[]): string {
  const near = nearest(word, choices)
  return near === undefined ? '' : `; did you mean \`${near}\`?`
}

/** Returns the choice with the least edit distance to `word`, if that is at most a third of its length (at least 2). */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const choice of choices) {
    const distance = editDistance(word.toLowerCase(), choice.toLowerCase())
    if (distance >= least) continue
    least = distance
    best = choice
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

function expected(name: string, what: string, value: unknown, hint = ''): OptionError {
  return new OptionError(`Expected option \`${name}\` to be ${what}, got ${format(value)}${hint}`)
}

function format(value: unknown): string {
  const type = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
  return `\`${String(value)}\` (${type})`
}

/** Returns the red, green and blue (0 to 255) of a colour `#rrggbb`, else throws an {@link OptionError}. */
export function colour(name: string, value: unknown): readonly [number, number, number] {
  if (typeof value !== 'string' || !/^#[0-9a-f]{6}$/i.test(value))
    throw expected(name, 'a colour such as `#1a2b3c`', value)
  const rgb = Number.parseInt(value.slice(1), 16)
  return [rgb >> 16, (rgb >> 8) & 255, rgb & 255]
}

/** Returns `value` if it is a list of `length` finite numbers of at least `least`, else throws an {@link OptionError}. */
export function numbers(
  name: string,
  value: unknown,
  length: number,
  least = -Infinity,
): readonly number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  const numbers = list.filter((v) => typeof v === 'number' && Number.isFinite(v) && v >= least)
  if (list.length === length && numbers.length === length) return numbers as number[]
  const bound = least > -Infinity ? ' above 0' : ''
  throw expected(name, `a list of ${String(length)} numbers${bound}`, value)
}

/** Returns `value`, a finite number or a non-empty list of them, as a list; each above `low`. Else throws an {@link OptionError}. */
export function oneOrMoreNumbers(name: string, value: unknown, low = -Infinity): readonly number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > 0 && list.every((v) => typeof v === 'number' && Number.isFinite(v) && v > low))
    return list as readonly number[]
  const bound = low > -Infinity ? ` above ${String(low)}` : ''
  throw expected(name, `a number${bound}, or a list of them`, value)
}

/** Returns `value` if it is a non-empty list of different whole numbers, else throws an {@link OptionError}. */
export function axisList(name: string, value: unknown): readonly number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  const axes = list.filter((v) => Number.isSafeInteger(v) && (v as number) >= 0)
  if (list.length > 0 && axes.length === list.length && new Set(axes).size === axes.length)
    return axes as number[]
  throw expected(name, 'a non-empty list of different axes, from 0', value)
}

/** Returns `value` if it is true or false, else throws an {@link OptionError}. */
export function trueOrFalse(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw expected(name, 'true or false', value)
}

/** What `value` is, for a message: its class, or its type. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  const name = (value.constructor as { name?: string } | undefined)?.name
  return Array.isArray(value) ? 'a list' : name === 'Object' || !name ? 'an object' : `a ${name}`
}

const sizeUnits: Readonly<Record<string, number>> = {
  ...{ b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
}

/** Returns the bytes that `value` names, a positive integer or a size such as `512MB` or `1.5GiB`, else throws an {@link OptionError}. */
export function byteCount(name: string, value: unknown): number {
  const [, amount, unit = ''] =
    (typeof value === 'string' && /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(value.trim())) || []
  const factor = unit === '' ? 1 : sizeUnits[unit.toLowerCase()]
  const bytes = typeof value === 'string' ? Math.floor(Number(amount) * (factor ?? 0)) : value
  if (Number.isSafeInteger(bytes) && (bytes as number) >= 1) return bytes as number
  throw expected(name, 'a size such as `512MB` or `2GiB`', value)
}
