import type { Progress } from '../run/run.ts'
import { count, duration, plural } from './output.ts'

/** Shows how far a run is. */
export interface ProgressView {
  /** Shows `progress`, unless it has been shown too recently. */
  readonly update: (progress: Progress) => void
  /** Writes a line that stays, in place of the bar. */
  readonly note: (line: string) => void
  /** Removes the bar. */
  readonly close: () => void
}

/** Where progress is shown. */
export interface Terminal {
  /** Whether it can redraw a line. */
  readonly isTTY?: boolean
  /** Characters per line. */
  readonly columns?: number
  /** Writes. */
  readonly write: (text: string) => unknown
}

/** Seconds over which the rate is taken. */
const rateSeconds = 10
/** Seconds between two plain lines. */
const lineSeconds = 5

const clearLine = '\r\u001b[K'

/** A bar that is redrawn on a terminal; elsewhere a plain line every 5 seconds; with `quiet` only the notes. */
export function progressView(
  stream: Terminal,
  { quiet = false }: { readonly quiet?: boolean } = {},
): ProgressView {
  const rate = new Rate()
  let shown = 0
  function note(line: string): void {
    stream.write(`${stream.isTTY && !quiet ? clearLine : ''}${line}\n`)
  }
  if (quiet) return { note, update: () => undefined, close: () => undefined }
  if (!stream.isTTY)
    return {
      note,
      update(progress) {
        rate.add(progress)
        if (progress.seconds - shown < lineSeconds) return
        shown = progress.seconds
        stream.write(`${progressLine(progress, rate.perSecond)}\n`)
      },
      close: () => undefined,
    }
  return {
    note,
    update(progress) {
      rate.add(progress)
      const line = progressLine(progress, rate.perSecond)
      const room = (stream.columns ?? 80) - 1
      stream.write(clearLine + (progressBar(progress, room - line.length) + line).slice(0, room))
    },
    close() {
      stream.write(clearLine)
    },
  }
}

/** `1,200 of 5,000 rows, 99/s, 38.4 s left, 3 rejects`. */
export function progressLine(
  { rows, rejected, seconds, total }: Progress,
  perSecond: number,
): string {
  const parts = [
    total === undefined ? plural(rows, 'row') : `${count(rows)} of ${plural(total, 'row')}`,
  ]
  parts.push(`${perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)}/s`)
  if (total === undefined || perSecond === 0) parts.push(duration(seconds))
  else if (rows >= total) parts.push('finishing')
  else parts.push(`${duration(Math.max(0, total - rows) / perSecond)} left`)
  if (rejected > 0) parts.push(plural(rejected, 'reject'))
  return parts.join(', ')
}

/** `[#####-----] 50 %  `, at most `room` wide; nothing if the total is not known or there is no room. */
function progressBar({ rows, total }: Progress, room: number): string {
  if (!total) return ''
  const part = Math.min(1, rows / total)
  const percent = `${String(Math.floor(part * 100)).padStart(3)} %`
  const width = Math.min(30, room - percent.length - 5)
  if (width < 5) return ''
  const filled = Math.round(part * width)
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}] ${percent}  `
}

/** Rows per second over the last seconds. */
class Rate {
  readonly #seen: Progress[] = []

  add(progress: Progress): void {
    this.#seen.push(progress)
    while (this.#seen.length > 2 && progress.seconds - (this.#seen[1]?.seconds ?? 0) > rateSeconds)
      this.#seen.shift()
  }

  get perSecond(): number {
    const first = this.#seen.length > 1 ? this.#seen[0] : { rows: 0, seconds: 0 }
    const last = this.#seen.at(-1)
    if (!first || !last || last.seconds <= first.seconds) return 0
    return (last.rows - first.rows) / (last.seconds - first.seconds)
  }
}
