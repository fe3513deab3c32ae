import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import { writing } from './output-file.ts'

/** Where the files of a folder are, and what they are called. */
export interface FolderPlace {
  /** The folder. */
  readonly path: string
  /** Ends the names, without dot. */
  readonly extension: string
  /** The run that the names tell, where those of others may be there too. */
  readonly run: string | undefined
  /** Where it all is. */
  readonly disk: Disk
}

/** The names of the files that a run writes into a folder: `part-000001.parquet`, also in folders below it. */
export class FolderParts {
  /** Number of the newest. */
  count = 0
  readonly #place: FolderPlace
  readonly #made = new Set<string>()

  constructor(place: FolderPlace) {
    this.#place = place
  }

  /**
   * Makes the folder. What the run has there behind the part that it goes on from is removed, published or not: an
   * older checkpoint may have been gone back to, and it comes again.
   *
   * @throws {ConnectorError} if it starts, and there are files that are not told from its own
   */
  async open(from: number | undefined): Promise<void> {
    const { path, run, disk } = this.#place
    await writing(path, async () => {
      await disk.mkdir(path)
      if (run !== undefined) await this.#takeBack('', run)
      else if (from === undefined) {
        const there = await this.#visible('')
        if (there !== undefined) throw occupied(path, there)
      }
    })
  }

  /** The path of the next file, in `folder` below the target. */
  async next(folder: string): Promise<string> {
    const { path, extension, run, disk } = this.#place
    const whole = join(path, folder)
    if (folder !== '' && !this.#made.has(folder)) {
      await writing(path, () => disk.mkdir(whole))
      this.#made.add(folder)
    }
    const number = String(++this.count).padStart(6, '0')
    return join(whole, `part-${run === undefined ? '' : `${run}-`}${number}.${extension}`)
  }

  async #takeBack(folder: string, run: string): Promise<void> {
    const { path, disk } = this.#place
    const own = new RegExp(`^\\.?part-${run}-(\\d+)\\.`)
    for (const name of await disk.readdir(join(path, folder))) {
      const below = join(folder, name)
      if (Number(own.exec(name)?.[1]) > this.count) await disk.rm(join(path, below))
      else if (await this.#isPartition(below, name)) await this.#takeBack(below, run)
    }
  }

  /** A file that readers of the folder would find. */
  async #visible(folder: string): Promise<string | undefined> {
    const { path, disk } = this.#place
    for (const name of await disk.readdir(join(path, folder))) {
      if (name.startsWith('.')) continue
      const below = join(folder, name)
      if (!(await this.#isPartition(below, name))) return below
      const found = await this.#visible(below)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #isPartition(below: string, name: string): Promise<boolean> {
    const { path, disk } = this.#place
    return name.includes('=') && (await disk.stat(join(path, below)))?.folder === true
  }
}

function occupied(path: string, there: string): ConnectorError {
  return new ConnectorError(
    `Expected ${path} to be an empty folder or none, got ${there} in it: remove it, or write elsewhere`,
    { url: path, retryable: false },
  )
}
