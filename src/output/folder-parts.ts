import { ConnectorError } from '../errors.ts'
import type { OutputStore } from './output.ts'

/** Where the files of a folder are, and what they are called. */
export interface FolderPlace {
  /** The folder. */
  readonly path: string
  /** Ends the names, without dot. */
  readonly extension: string
  /** The run that the names tell, where those of others may be there too. */
  readonly run: string | undefined
  /** Where it all is. */
  readonly store: OutputStore
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
    const { path, run, store } = this.#place
    await store.makeFolder(path)
    const own = new RegExp(`(?:^|/)part-${run === undefined ? '' : `${run}-`}(\\d+)\\.`)
    for await (const entry of store.entries(path)) {
      const isLater = Number(own.exec(entry.path)?.[1]) > this.count
      if (run === undefined && from === undefined) {
        if (entry.published) throw occupied(path, entry.path)
      } else if (isLater && (run !== undefined || !entry.published)) await entry.remove()
    }
  }

  /** The path of the next file, in `folder` below the target. */
  async next(folder: string): Promise<string> {
    const { path, extension, run, store } = this.#place
    const whole = folder === '' ? path : store.within(path, folder)
    if (folder !== '' && !this.#made.has(folder)) {
      await store.makeFolder(whole)
      this.#made.add(folder)
    }
    const number = String(++this.count).padStart(6, '0')
    return store.within(whole, `part-${run === undefined ? '' : `${run}-`}${number}.${extension}`)
  }
}

function occupied(path: string, there: string): ConnectorError {
  return new ConnectorError(
    `Expected ${path} to be an empty folder or none, got ${there} in it: remove it, or write elsewhere`,
    { url: path, retryable: false },
  )
}
