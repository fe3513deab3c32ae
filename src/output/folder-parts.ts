import { ConnectorError } from '../errors.ts'
import type { OutputStore } from './output.ts'

/** Where the files of a folder are, and what they are called. */
export interface FolderPlace {
  /** The folder, or the prefix in a bucket. */
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
  readonly #begin: string
  readonly #made = new Set<string>()

  constructor(place: FolderPlace) {
    this.#place = place
    this.#begin = place.run === undefined ? 'part-' : `part-${place.run}-`
  }

  /**
   * Makes the folder. What the run has there behind the part that it goes on from is removed, published or not: an
   * older checkpoint may have been gone back to, and it comes again.
   *
   * @throws {ConnectorError} if the run starts, and there are files that would not be told from its own
   */
  async open({ resumed }: { readonly resumed: boolean }): Promise<void> {
    const { path, run, store } = this.#place
    const begin = this.#begin
    if (run === undefined && !resumed) {
      const there = await store.fileIn(path)
      if (there !== undefined) throw occupied(path, there)
    }
    await store.openFolder(path, {
      begin,
      stale: (name) => name.startsWith(begin) && parseInt(name.slice(begin.length)) > this.count,
    })
  }

  /** The path of the next file, in `folder` below the target. */
  async next(folder: string): Promise<string> {
    const { path, extension, store } = this.#place
    if (folder !== '' && !this.#made.has(folder)) {
      await store.makeFolder(store.within(path, folder))
      this.#made.add(folder)
    }
    const name = `${this.#begin}${String(++this.count).padStart(6, '0')}.${extension}`
    return store.within(path, folder === '' ? name : `${folder}/${name}`)
  }
}

function occupied(path: string, there: string): ConnectorError {
  return new ConnectorError(
    `Expected ${path} to be an empty folder or none, got ${there} in it: remove it, or write elsewhere`,
    { url: path, retryable: false },
  )
}
