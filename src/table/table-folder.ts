import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Disk, nodeDisk } from '../disk.ts'
import { slotFolderName } from '../run/checkpoint-folder.ts'
import type { Run } from '../run/run-state.ts'

/** The folder in which the files of tables lie, shared by all tables over the same rows. */
export class TableFolder {
  /** Its name in the run's folder. */
  readonly name: string
  /** The file system. */
  readonly disk: Disk
  /** Whether checkpoints may point to it: then it goes with the run's folder, when the run has ended. */
  readonly durable: boolean
  /** Readers that have not closed their table. */
  readers = 1
  readonly #path: string

  private constructor(path: string, durable: boolean, disk: Disk) {
    this.#path = path
    this.name = basename(path)
    this.durable = durable
    this.disk = disk
  }

  /** A new folder, in that of the run; what an attempt that no checkpoint knows of left under that name is removed. */
  static async create(run: Run | undefined, name: string): Promise<TableFolder> {
    const parent = run ? await run.folder() : tmpdir()
    if (!run?.durable)
      return new TableFolder(await mkdtemp(join(parent, 'millrace-table-')), false, nodeDisk)
    const path = join(parent, `table-${slotFolderName(name)}`)
    await run.disk.rm(path)
    await run.disk.mkdir(path)
    return new TableFolder(path, true, run.disk)
  }

  /** The folder of that name that a checkpoint points to. */
  static async reopen(run: Run, name: string): Promise<TableFolder> {
    return new TableFolder(join(await run.folder(), name), true, run.disk)
  }

  /** The folder at `path`, which outlives the run. */
  static at(path: string, disk: Disk): TableFolder {
    return new TableFolder(path, true, disk)
  }

  /** Where a file is. */
  readonly pathOf = (name: string): string => join(this.#path, name)

  /** Makes a folder in it for the columns that `stage` adds, without what an attempt before left; returns its name. */
  async part(stage: string): Promise<string> {
    const name = slotFolderName(stage)
    await this.disk.rm(this.pathOf(name))
    await this.disk.mkdir(this.pathOf(name))
    return name
  }

  /** Makes durable which files are in a part. */
  async sync(part: string): Promise<void> {
    if (this.durable) await this.disk.syncFolder(this.pathOf(part))
  }

  /** One reader less; behind the last one the files go, unless a checkpoint may need them. */
  async leave(): Promise<void> {
    if (--this.readers === 0 && !this.durable)
      await rm(this.#path, { recursive: true, force: true })
  }
}
