import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import {
  damage,
  damagedSuffix,
  folderName,
  lockName,
  manifestName,
  manifestNumbers,
  putFile,
  refuseStrange,
  runFile,
  slotFolderName,
  wrapped,
} from './checkpoint-folder.ts'
import type { Disk } from '../disk.ts'
import { DataError } from '../errors.ts'
import { type Checkpoint, readCheckpoint, readManifest, writeCheckpoint } from './checkpoint.ts'
import { failPoint } from './fail-point.ts'

export type { Checkpoint } from './checkpoint.ts'
export type { FolderMove, RunStatus, StoredPlanPart } from './manifest.ts'

/** How a {@link CheckpointStore} is opened. */
export interface CheckpointStoreOptions {
  /** The file system. */
  readonly disk: Disk
  /** Takes a line for the user: a damaged checkpoint was passed over. */
  readonly note: (line: string) => void
}

/** Checkpoints that are kept, in case the newest is damaged. */
const keptCheckpoints = 3

/**
 * The checkpoints of one run in a folder: `run.json` (the run's id), `manifest-000012.json` (the
 * rename that puts it there is the commit), `000012/` (what it points to) and `run/` (what the run
 * keeps there itself). One process at a time holds it. Every error of the system is a
 * `ConnectorError`.
 */
export class CheckpointStore {
  readonly #folder: string
  readonly #disk: Disk
  readonly #note: (line: string) => void
  readonly #unlock: () => Promise<void>
  #runId = ''
  /** Number of the checkpoint that was read or committed last. */
  #committed = 0
  /** Number of the checkpoint whose folder was made last. */
  #begun = 0

  private constructor(
    folder: string,
    { disk, note }: CheckpointStoreOptions,
    unlock: () => Promise<void>,
  ) {
    this.#folder = folder
    this.#disk = disk
    this.#note = note
    this.#unlock = unlock
  }

  /**
   * Makes the folder if it is not there, locks it, and removes what no manifest points to.
   *
   * @throws {ConnectorError} if it cannot be written, has files of another kind, or another run holds it
   */
  static async open(folder: string, options: CheckpointStoreOptions): Promise<CheckpointStore> {
    const { disk } = options
    const path = resolve(folder)
    const unlock = await wrapped(path, async () => {
      await disk.mkdir(path)
      await refuseStrange(disk, path)
      return disk.lock(join(path, lockName))
    })
    const store = new CheckpointStore(path, options, unlock)
    try {
      await wrapped(path, () => store.#start())
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  /** Id of the run: random, the same from its start to its end. */
  get runId(): string {
    return this.#runId
  }

  /** A folder for what the run keeps between its checkpoints; empty before the first of them. */
  get runFolder(): string {
    return this.#path('run')
  }

  /**
   * The newest checkpoint that is whole; undefined before the first. Damaged ones are noted and put
   * aside, since the run is going to write other ones with their numbers.
   *
   * @throws {DataError} if there are checkpoints and none is whole, or one is of a later version
   */
  async newest(): Promise<Checkpoint | undefined> {
    return wrapped(this.#folder, async () => {
      const damaged = new Map<number, string>()
      for (const number of await manifestNumbers(this.#disk, this.#folder)) {
        const found = await readCheckpoint(this.#disk, this.#folder, number).catch(
          (error: unknown) => {
            damaged.set(number, damage(error))
            return undefined
          },
        )
        if (!found) continue
        await this.#passOver(damaged, number)
        // The process that put it in place may have been killed before it had made that durable.
        await this.#disk.syncFolder(this.#folder)
        this.#committed = this.#begun = number
        failPoint('resume: checkpoint read')
        return found
      }
      if (damaged.size > 0) throw allDamaged(this.#folder, damaged)
      return undefined
    })
  }

  /** The folder for the files of one slot's state in a checkpoint; made, unless the checkpoint is committed. */
  async fileFolder(checkpoint: number, key: string): Promise<string> {
    const path = this.#path(folderName(checkpoint), slotFolderName(key))
    if (checkpoint > this.#committed)
      await wrapped(path, async () => {
        await this.#begin(checkpoint)
        await this.#disk.mkdir(path)
      })
    return path
  }

  /**
   * Makes a checkpoint durable, commits it, and removes those that are too old: all but three, and
   * behind a published one all, with what the run kept. If it fails nothing is committed, unless it
   * was the rename or its sync that failed: then a restart finds the one or the other.
   */
  async commit(checkpoint: Checkpoint): Promise<void> {
    const { number, status } = checkpoint
    if (number <= this.#committed)
      throw new Error(
        `Expected a checkpoint after number ${String(this.#committed)}, got ${String(number)}`,
      )
    await wrapped(this.#folder, async () => {
      const path = this.#path(manifestName(number))
      const temporary = await this.#prepare(checkpoint)
      failPoint('manifest: before rename')
      await this.#disk.rename(temporary, path)
      failPoint('manifest: after rename')
      await this.#disk.syncFolder(this.#folder)
      this.#committed = number
      await this.#removeOld(status === 'published' ? 1 : keptCheckpoints)
      if (status === 'published') await this.#disk.rm(this.runFolder)
    })
  }

  /** Starts over with another run: removes all checkpoints, and what the run kept. */
  async clear(): Promise<void> {
    await wrapped(this.#folder, async () => {
      // The newest goes last: without it, one before would be gone on from.
      await this.#removeOld(1)
      await this.#removeOld(0)
      await this.#newRun()
      await this.#tidy()
    })
  }

  /** Lets go of the folder. A lock that cannot be removed is taken over when this process has ended. */
  async close(): Promise<void> {
    // What keeps it there has stopped the run, whose error says more.
    await this.#unlock().catch(() => undefined)
  }

  async #start(): Promise<void> {
    this.#runId =
      (await this.#runOfManifests()) ?? (await this.#runOfFile()) ?? (await this.#newRun())
    await this.#tidy()
  }

  async #runOfManifests(): Promise<string | undefined> {
    for (const number of await manifestNumbers(this.#disk, this.#folder)) {
      try {
        return (await readManifest(this.#disk, this.#folder, number)).run
      } catch (error) {
        damage(error)
      }
    }
    return undefined
  }

  /** The id that was given before the first checkpoint; undefined if the file is missing or damaged. */
  async #runOfFile(): Promise<string | undefined> {
    try {
      const bytes = await this.#disk.readFile(this.#path(runFile))
      return /^\{"id":"([0-9a-f]{12})"\}\n$/.exec(Buffer.from(bytes).toString('latin1'))?.[1]
    } catch (error) {
      damage(error)
      return undefined
    }
  }

  async #newRun(): Promise<string> {
    const id = randomBytes(6).toString('hex')
    await putFile(this.#disk, this.#path(runFile), Buffer.from(`${JSON.stringify({ id })}\n`))
    failPoint('run: started')
    this.#committed = this.#begun = 0
    return (this.#runId = id)
  }

  /** Removes what no manifest points to; before the first one that is what the run kept, too. */
  async #tidy(): Promise<void> {
    const numbers = await manifestNumbers(this.#disk, this.#folder)
    const kept = new Set([runFile, lockName])
    for (const number of numbers) kept.add(manifestName(number)).add(folderName(number)).add('run')
    for (const name of await this.#disk.readdir(this.#folder)) {
      const aside = numbers.length > 0 && name.endsWith(damagedSuffix)
      if (!kept.has(name) && !aside) await this.#disk.rm(this.#path(name))
    }
    await this.#disk.mkdir(this.runFolder)
  }

  /** Notes what was damaged, and renames it, so that no later start takes it for newer than what is gone on from. */
  async #passOver(damaged: ReadonlyMap<number, string>, to: number): Promise<void> {
    for (const [number, reason] of damaged) {
      const path = this.#path(manifestName(number))
      this.#note(
        `checkpoint ${String(number)} is damaged (${path}: ${reason}); going on from checkpoint ${String(to)}`,
      )
      await this.#disk.rename(path, `${path}${damagedSuffix}`)
    }
  }

  /** Makes the folder of a checkpoint; what a crash or damage left there is removed. */
  async #begin(number: number): Promise<void> {
    if (this.#begun === number) return
    const path = this.#path(folderName(number))
    await this.#disk.rm(path)
    await this.#disk.mkdir(path)
    this.#begun = number
  }

  /** Writes a checkpoint, its manifest under a temporary name; removes all of it if that fails. */
  async #prepare(checkpoint: Checkpoint): Promise<string> {
    const { number } = checkpoint
    try {
      await this.#begin(number)
      return await writeCheckpoint(this.#disk, this.#folder, checkpoint, this.#runId)
    } catch (error) {
      this.#begun = this.#committed
      for (const made of [folderName(number), `${manifestName(number)}.tmp`])
        await this.#disk.rm(this.#path(made)).catch(() => undefined)
      throw error
    }
  }

  /** Removes all but the newest `kept`: first their manifests, so that none points to what is gone. */
  async #removeOld(kept: number): Promise<void> {
    const old = (await manifestNumbers(this.#disk, this.#folder)).slice(kept)
    if (old.length === 0) return
    for (const number of old) await this.#disk.rm(this.#path(manifestName(number)))
    await this.#disk.syncFolder(this.#folder)
    failPoint('checkpoint: removing old ones')
    for (const number of old) await this.#disk.rm(this.#path(folderName(number)))
  }

  #path(...names: readonly string[]): string {
    return join(this.#folder, ...names)
  }
}

function allDamaged(folder: string, damaged: ReadonlyMap<number, string>): DataError {
  const all = [...damaged].map(([number, reason]) => `${manifestName(number)}: ${reason}`)
  return new DataError(
    `Expected a whole checkpoint in ${folder}, got ${String(all.length)} damaged (${all.join('; ')}); restore the folder from a copy, or start over with an empty one`,
    { url: folder },
  )
}
