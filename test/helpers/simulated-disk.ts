import { basename, dirname, resolve } from 'node:path'
import type { Disk, DiskFile } from '../../src/disk.ts'
import { ConnectorError } from '../../src/errors.ts'
import type { Random } from '../../src/kernels/random.ts'
import type { Scheduler } from './scheduler.ts'

/** What was done to a file since it was synced. */
type Edit = { readonly position: number; readonly bytes: Uint8Array } | { readonly length: number }

/** What was done to the names of folders since they were synced: one rename, one file made, one removed. */
interface Change {
  readonly removed?: readonly [Folder, string]
  readonly added?: readonly [Folder, string, Node]
  settled: boolean
}

class File {
  current: Uint8Array = new Uint8Array(0)
  durable: Uint8Array = new Uint8Array(0)
  edits: Edit[] = []
}

class Folder {
  readonly current = new Map<string, Node>()
  readonly durable = new Map<string, Node>()
  changes: Change[] = []
}

type Node = File | Folder

/** Does something when its turn comes. */
type Call = <T>(act: () => T) => Promise<T>

/** As {@link Call}, for what may fail; `failed` is what is left of it then. */
type ChangingCall = <T>(act: () => T, failed?: () => void) => Promise<T>

/** A change of the disk that fails. */
export interface Fault {
  /** Which change it is, from 1 on. */
  readonly change: number
  /** Code of the error. */
  readonly code: 'EIO' | 'ENOSPC'
}

/**
 * A file system in memory that knows what is durable. {@link crash} leaves of the rest what its seed
 * says: of the edits of a file none, some from the first on with the last one torn, all of them, or
 * the length without the bytes; of the names of a folder any, as long as one name's changes stay in order.
 */
export class SimulatedDisk {
  /** Called when a name comes to be in a folder. */
  onName: ((path: string) => void) | undefined
  readonly #random: Random
  readonly #root = new Folder()
  #files: File[] = []
  #folders: Folder[] = [this.#root]
  #locks = new Set<string>()
  #fault: Fault | undefined
  #changes = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Lets a change fail, counted from now on. */
  failAt(fault: Fault | undefined): void {
    this.#fault = fault
    this.#changes = 0
  }

  /** Whether the fault has come. */
  get failed(): boolean {
    return this.#fault !== undefined && this.#changes >= this.#fault.change
  }

  /** The disk as a process sees it that lives as long as `scheduler` runs. */
  of(scheduler: Scheduler): Disk {
    const read: Call = (act) => this.#call(scheduler, act)
    const change: ChangingCall = (act, failed) =>
      this.#call(scheduler, () => {
        if (++this.#changes !== this.#fault?.change) return act()
        failed?.()
        throw systemError(this.#fault.code)
      })
    return {
      open: (path, mode) =>
        (mode === 'create' ? change : read)(() => {
          const file = mode === 'create' ? this.#create(path) : this.#file(path)
          return this.#handle(file, read, change)
        }),
      readFile: (path) => read(() => this.#file(path).current.slice()),
      rename: (from, to) =>
        change(() => {
          this.#rename(from, to)
        }),
      mkdir: (path) =>
        change(() => {
          this.#makeFolders(resolve(path))
        }),
      readdir: (path) => read(() => this.#shuffled([...this.#folder(path).current.keys()])),
      rm: (path) =>
        change(() => {
          this.#remove(resolve(path))
        }),
      stat: (path) =>
        read(() => {
          const node = this.#find(path)
          if (!node) return undefined
          const folder = node instanceof Folder
          return { folder, bytes: folder ? 0 : node.current.length }
        }),
      syncFolder: (path) =>
        change(() => {
          for (const made of this.#folder(path).changes.splice(0)) settle(made)
        }),
      lock: (path) => read(() => this.#lock(path, read)),
    }
  }

  /** Loses what is not durable, as far as the seed says, and all locks. */
  crash(): void {
    this.#locks = new Set()
    for (const folder of this.#folders) this.#crashFolder(folder)
    for (const folder of this.#folders) {
      folder.changes = []
      folder.current.clear()
      for (const [name, node] of folder.durable) folder.current.set(name, node)
    }
    for (const file of this.#files) {
      file.durable = file.current = this.#survivor(file)
      file.edits = []
    }
  }

  /** Ends a process without a crash of the machine: its locks are let go, what it wrote stays. */
  kill(): void {
    this.#locks = new Set()
  }

  /** Makes a folder, for good. */
  makeFolder(path: string): void {
    this.#makeFolders(resolve(path))
  }

  /** The text of a file; undefined if there is none. */
  text(path: string): string | undefined {
    const node = this.#find(path)
    return node instanceof File ? Buffer.from(node.current).toString('utf8') : undefined
  }

  /** Names in a folder; none if it is not there. */
  names(path: string): readonly string[] {
    const node = this.#find(path)
    return node instanceof Folder ? [...node.current.keys()].sort() : []
  }

  /** Changes a bit of a file. */
  flipBit(path: string): void {
    const file = this.#file(path)
    const bytes = file.current.slice()
    const at = Math.floor(this.#random.uniform() * bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(this.#random.uniform() * 8))
    file.current = file.durable = bytes
    file.edits = []
  }

  async #call<T>(scheduler: Scheduler, act: () => T): Promise<T> {
    await scheduler.turn()
    const made = act()
    await scheduler.turn()
    return made
  }

  #handle(file: File, read: Call, change: ChangingCall): DiskFile {
    return {
      write: (bytes, position) => {
        const copy = bytes.slice()
        return change(
          () => {
            this.#edit(file, { bytes: copy, position })
          },
          () => {
            const some = Math.floor(this.#random.uniform() * copy.length)
            this.#edit(file, { bytes: copy.subarray(0, some), position })
          },
        )
      },
      read: (bytes, position) =>
        read(() => {
          const found = file.current.subarray(position, position + bytes.length)
          bytes.set(found)
          return found.length
        }),
      truncate: (length) =>
        change(() => {
          this.#edit(file, { length })
        }),
      sync: () =>
        change(() => {
          file.durable = file.current
          file.edits = []
        }),
      close: () => read(() => undefined),
    }
  }

  #lock(path: string, call: Call): () => Promise<void> {
    if (this.#locks.has(path))
      throw new ConnectorError('Expected no other run', { url: path, retryable: true })
    this.#locks.add(path)
    return () =>
      call(() => {
        this.#locks.delete(path)
      })
  }

  #edit(file: File, edit: Edit): void {
    file.current = edited(file.current, edit)
    file.edits.push(edit)
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of resolve(path).split('/').slice(1)) {
      if (!(node instanceof Folder)) return undefined
      if (name !== '') node = node.current.get(name)
    }
    return node
  }

  #file(path: string): File {
    const node = this.#find(path)
    if (node instanceof File) return node
    throw systemError(node ? 'EISDIR' : 'ENOENT', path)
  }

  #folder(path: string): Folder {
    const node = this.#find(path)
    if (node instanceof Folder) return node
    throw systemError(node ? 'ENOTDIR' : 'ENOENT', path)
  }

  #create(path: string): File {
    if (this.#find(path)) throw systemError('EEXIST', path)
    const folder = this.#folder(dirname(path))
    const file = new File()
    this.#files.push(file)
    this.#change({ added: [folder, basename(path), file], settled: false })
    this.onName?.(path)
    return file
  }

  #rename(from: string, to: string): void {
    const node = this.#find(from)
    if (!node) throw systemError('ENOENT', from)
    const there = this.#find(to)
    if (there instanceof Folder && (node instanceof File || there.current.size > 0))
      throw systemError('ENOTEMPTY', to)
    this.#change({
      removed: [this.#folder(dirname(from)), basename(from)],
      added: [this.#folder(dirname(to)), basename(to), node],
      settled: false,
    })
    this.onName?.(to)
  }

  #makeFolders(path: string): void {
    const there = this.#find(path)
    if (there instanceof Folder) return
    if (there) throw systemError('EEXIST', path)
    this.#makeFolders(dirname(path))
    const folder = new Folder()
    this.#folders.push(folder)
    const parent = this.#folder(dirname(path))
    this.#change({ added: [parent, basename(path), folder], settled: false })
    for (const change of parent.changes.splice(0)) settle(change)
  }

  #remove(path: string): void {
    const node = this.#find(path)
    if (!node) return
    if (node instanceof Folder)
      for (const name of this.#shuffled([...node.current.keys()])) this.#remove(`${path}/${name}`)
    this.#change({ removed: [this.#folder(dirname(path)), basename(path)], settled: false })
  }

  #change(change: Change): void {
    const { removed, added } = change
    if (removed) removed[0].current.delete(removed[1])
    if (added) added[0].current.set(added[1], added[2])
    for (const folder of new Set([removed?.[0], added?.[0]])) folder?.changes.push(change)
  }

  #crashFolder(folder: Folder): void {
    const kept = this.#random.uniform()
    const lost = new Set<string>()
    for (const change of folder.changes) {
      const names = [change.removed?.[1], change.added?.[1]].filter((name) => name !== undefined)
      // What comes after a lost change of the same name would build on it.
      if (names.some((name) => lost.has(name)) || this.#random.uniform() > kept)
        for (const name of names) lost.add(name)
      else settle(change)
    }
  }

  #survivor({ durable, current, edits }: File): Uint8Array {
    const fate = this.#random.uniform()
    if (edits.length === 0 || fate < 0.2) return durable
    if (fate < 0.5) return current
    let bytes = durable
    const whole = Math.floor(this.#random.uniform() * edits.length)
    for (const edit of edits.slice(0, whole)) bytes = edited(bytes, edit)
    const torn = edits[whole]
    if (fate < 0.8 && torn && 'bytes' in torn) {
      const length = Math.floor(this.#random.uniform() * (torn.bytes.length + 1))
      return edited(bytes, { position: torn.position, bytes: torn.bytes.subarray(0, length) })
    }
    return edited(bytes, { length: current.length })
  }

  #shuffled(names: string[]): string[] {
    for (let i = names.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random.uniform() * (i + 1))
      const [a, b] = [names[i], names[j]] as [string, string]
      names[i] = b
      names[j] = a
    }
    return names
  }
}

function settle(change: Change): void {
  if (change.settled) return
  change.settled = true
  const { removed, added } = change
  if (removed) removed[0].durable.delete(removed[1])
  if (added) added[0].durable.set(added[1], added[2])
}

function edited(bytes: Uint8Array, edit: Edit): Uint8Array {
  const length = 'length' in edit ? edit.length : edit.position + edit.bytes.length
  const size = 'length' in edit ? length : Math.max(bytes.length, length)
  const made = new Uint8Array(size)
  made.set(bytes.subarray(0, size))
  if ('bytes' in edit) made.set(edit.bytes, edit.position)
  return made
}

function systemError(code: string, path = ''): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), {
    code,
    path,
    syscall: 'simulated',
  })
}
