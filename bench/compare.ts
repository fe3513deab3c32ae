import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Random } from '../src/kernels/random.ts'
import type { Matrix } from '../src/models/model.ts'

/** What scikit-learn is asked to time. */
export interface Task {
  readonly task: string
  readonly components: number
  readonly covariance?: string
}

/** Debian's python3-sklearn as a child process, or nothing where it is not installed. */
export class Sklearn {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  readonly #files = new Map<Matrix, string>()

  constructor(child: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>) {
    this.#child = child
    this.#lines = lines
  }

  static async start(): Promise<Sklearn | undefined> {
    const child = spawn('/usr/bin/python3', [
      fileURLToPath(new URL('./scikit-learn.py', import.meta.url)),
    ])
    const failed = new Promise<undefined>((resolve) => {
      child.once('error', () => {
        resolve(undefined)
      })
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const first = await Promise.race([lines.next(), failed])
    return first?.value === '"ready"' ? new Sklearn(child, lines) : undefined
  }

  /** Seconds that it takes. */
  async time(rows: Matrix, task: Task): Promise<number> {
    let file = this.#files.get(rows)
    if (file === undefined) {
      file = join(this.#folder, `${String(this.#files.size)}.f32`)
      writeFileSync(file, rows.values)
      this.#files.set(rows, file)
    }
    const request = { ...task, file, rows: rows.rows, columns: rows.columns }
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const answer = await this.#lines.next()
    if (answer.done) throw new Error('Expected an answer of scikit-learn, got its end')
    return Number(answer.value)
  }

  close(): void {
    this.#child.stdin.end()
    rmSync(this.#folder, { recursive: true })
  }
}

/** Runs the contestants in turn, `rounds` times, and prints the medians. */
export async function compare(
  title: string,
  contestants: Readonly<Record<string, () => Promise<number>>>,
  rounds: number,
): Promise<void> {
  const seconds = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(contestants)) seconds.get(name)?.push(await run())
  console.log(`${title}, median of ${String(rounds)} (least – most), seconds`)
  for (const [name, times] of seconds) {
    times.sort((a, b) => a - b)
    const [least, middle, most] = [0, times.length >> 1, times.length - 1].map((i) =>
      (times[i] ?? NaN).toFixed(3),
    )
    console.log(`  ${name.padEnd(40)} ${String(middle)} (${String(least)} – ${String(most)})`)
  }
}

/** Seconds that `work` takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** Rows of `clusters` clusters with falling variance along the columns, off the origin. */
export function clusteredRows(rows: number, columns: number, clusters: number): Matrix {
  const random = new Random(1)
  const centers = Float32Array.from({ length: clusters * columns }, () => 10 + 3 * random.normal())
  const values = new Float32Array(rows * columns)
  const table = Float32Array.from({ length: 1 << 16 }, () => random.normal())
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(random.uniform() * clusters) * columns
    let at = Math.floor(random.uniform() * table.length)
    for (let j = 0; j < columns; j++) {
      at = (at * 5 + 1 + j) & 0xffff
      const spread = 2 / Math.sqrt(1 + j / 8)
      values[row * columns + j] = (centers[from + j] ?? 0) + spread * (table[at] ?? 0)
    }
  }
  return { rows, columns, values }
}
