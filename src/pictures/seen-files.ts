import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk.ts'
import { failPoint } from '../run/fail-point.ts'
import type { Run } from '../run/run-state.ts'

/** What it takes to go on. */
export interface SeenState {
  /** Name of the log in the run's folder. */
  readonly log: string
  /** Bytes of it that count. */
  readonly bytes: number
}

/**
 * The files that a watch has given. In a run with checkpoints they are kept in a log, a line each, which a resumed run
 * cuts back to what its checkpoint has.
 *
 * - Memory: the names.
 */
export class SeenFiles {
  readonly #names = new Set<string>()
  #file: DiskFile | undefined
  #state: SeenState | undefined

  /** Those of the checkpoint at `from`, or none. */
  static async open(run: Run | undefined, from: SeenState | undefined): Promise<SeenFiles> {
    const seen = new SeenFiles()
    if (!run?.durable) return seen
    const folder = await run.folder()
    seen.#state = from ?? { log: `watched-${randomUUID()}.log`, bytes: 0 }
    const path = join(folder, seen.#state.log)
    if (from) for (const name of await lines(run.disk, path, from.bytes)) seen.#names.add(name)
    seen.#file = await run.disk.open(path, from ? 'update' : 'create')
    await seen.#file.truncate(seen.#state.bytes)
    if (!from) await run.disk.syncFolder(folder)
    return seen
  }

  /** Whether a file was given. */
  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** Adds files that are about to be given, durably; returns what it takes to go on after them. */
  async add(names: readonly string[]): Promise<SeenState | undefined> {
    for (const name of names) this.#names.add(name)
    if (!this.#file || !this.#state || names.length === 0) return this.#state
    const text = Buffer.from(names.map((name) => `${JSON.stringify(name)}\n`).join(''))
    await this.#file.write(text, this.#state.bytes)
    await this.#file.sync()
    this.#state = { ...this.#state, bytes: this.#state.bytes + text.length }
    failPoint('watch: noted')
    return this.#state
  }

  /** Closes the log, which stays. */
  async close(): Promise<void> {
    await this.#file?.close()
  }
}

async function lines(disk: Disk, path: string, bytes: number): Promise<string[]> {
  const text = Buffer.from(await disk.readFile(path)).toString('utf8', 0, bytes)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string)
}
