import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Run } from '../run/run-state.ts'

/** The folder in which the files of tables lie, shared by all tables over the same rows. */
export class TableFolder {
  /** Where it is. */
  readonly path: string
  /** Whether checkpoints may point to it: then the run removes it, at its end. */
  readonly durable: boolean
  /** Readers that have not closed their table. */
  readers = 1
  #next: number

  private constructor(path: string, durable: boolean, next: number) {
    this.path = path
    this.durable = durable
    this.#next = next
  }

  /** A new folder, in that of the run; what an earlier process left under that name is removed. */
  static async create(run: Run | undefined, name: string): Promise<TableFolder> {
    const parent = run ? await run.folder() : tmpdir()
    if (!run?.durable)
      return new TableFolder(await mkdtemp(join(parent, 'millrace-table-')), false, 0)
    const path = join(parent, `table-${name.replace(/[^\w-]/g, '_')}`)
    await rm(path, { recursive: true, force: true })
    await mkdir(path)
    return new TableFolder(path, true, 0)
  }

  /** The folder that a checkpoint points to. */
  static async reopen(path: string): Promise<TableFolder> {
    const numbers = (await readdir(path)).map((name) => Number.parseInt(name, 10))
    return new TableFolder(path, true, Math.max(-1, ...numbers) + 1)
  }

  /** A path for the file of a column, that no other column has. */
  pathFor(column: string): string {
    const name = column.replace(/[^\w-]/g, '_').slice(0, 64)
    return join(this.path, `${String(this.#next++)}-${name}.arrow`)
  }

  /** One reader less; behind the last one the files go, unless a checkpoint may need them. */
  async leave(): Promise<void> {
    if (--this.readers === 0 && !this.durable) await this.remove()
  }

  /** Removes the files. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
