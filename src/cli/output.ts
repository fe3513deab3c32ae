import { aligned } from '../output/aligned.ts'
import { withoutSecrets } from '../secrets.ts'

/** Writes lines of data to stdout; see {@link printable}. */
export function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`)
}

/** Writes a value to stdout as JSON; what {@link printable} escapes, as JSON does it. */
export function printJson(value: unknown): void {
  const json = JSON.stringify(value, jsonValue, 2).replace(
    commands,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  process.stdout.write(`${json}\n`)
}

/** Writes lines that are not data to stderr; see {@link printable}. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`)
}

/** Control characters but tab and line end, and those that turn the direction of text. */
const commands = /(?![\t\n])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Text without commands to a terminal, which the names of files may hold (`\x1b` for an escape), and without passwords. */
export function printable(text: string): string {
  return withoutSecrets(text).replace(commands, (found) => {
    const code = found.charCodeAt(0).toString(16)
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
  })
}

/**
 * Rows of cells as lines, each column as wide as its widest cell. Control characters are escaped: a name may hold line ends, and commands to a terminal.
 */
export function table(lines: readonly (readonly string[])[], indent = ''): string {
  const rows = aligned(lines.map((line) => line.map(visible)))
  return rows.map((row) => `${indent}${row}`).join('\n')
}

/** `\n` for a line end, which would break the table. */
function visible(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\x09')
}

/** A whole number with separators: `12,345`. */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

/** A number of bytes: `1.5 MB`. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ''}`
}

/** A time: `8.2 s`, `3:05 min`, `1:02:03 h`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60]
  return h > 0
    ? `${String(h)}:${twoDigits(m)}:${twoDigits(s)} h`
    : `${String(m)}:${twoDigits(s)} min`
}

function twoDigits(n: number): string {
  return String(n).padStart(2, '0')
}

/** `1 row`, `2 rows`. */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  return typeof value === 'bigint' ? Number(value) : value
}
