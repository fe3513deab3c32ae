/** Writes a line of data to stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes a value to stdout as JSON. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, jsonValue, 2))
}

/** Writes a line that is not data to stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

/**
 * Rows of cells as lines, each column as wide as its widest cell; the last one is not padded.
 * Control characters are escaped: a name may hold line ends, and commands to a terminal.
 */
export function table(lines: readonly (readonly string[])[], indent = ''): string {
  const rows = lines.map((line) => line.map(visible))
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0),
      )
      return `${indent}${cells.join('  ')}`.trimEnd()
    })
    .join('\n')
}

/** `a\nb` for a line end, `\x1b` for an escape. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (found) => {
    if (found === '\n') return '\\n'
    return `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
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
  return typeof value === 'bigint' ? Number(value) : value
}
