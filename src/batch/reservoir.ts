import type { RecordBatch } from 'apache-arrow'
import { column, concat, take } from './batch.ts'
import { decodeBatch, encodeBatch } from './ipc.ts'
import { DataError } from '../errors.ts'
import { Random } from '../kernels/random.ts'

/** What a {@link Reservoir} draws. */
export interface ReservoirOptions {
  /** Rows of each group. */
  readonly rows: number
  /** Text column that names the group; without it all rows are one. */
  readonly per: string | undefined
  /** Most groups. */
  readonly maxGroups: number
  /** Of the draw. */
  readonly seed: number
}

/** What it takes to go on drawing. */
export interface ReservoirState {
  /** Rows offered. */
  readonly seen: number
  /** The rows held, as an Arrow IPC stream; undefined if none is. */
  readonly rows: Uint8Array | undefined
  /** Their keys. */
  readonly keys: readonly number[]
  /** Their groups. */
  readonly groups: readonly Group[]
  /** By group, the key that a row has to be below. */
  readonly limits: ReadonlyMap<Group, number>
}

/** The value that names a group. */
type Group = string | null

/**
 * Draws rows from a stream of unknown length, the same ones however it is batched: each row gets a random key from
 * the seed and its number, and of each group those with the smallest keys stay. Holds up to twice as many.
 */
export class Reservoir {
  readonly #options: ReservoirOptions
  #seen = 0
  /** The rows held, in input order, with a key and a group each. */
  #held: RecordBatch[] = []
  #keys: number[] = []
  #groups: Group[] = []
  #limits = new Map<Group, number>()

  constructor(options: ReservoirOptions) {
    this.#options = options
  }

  /**
   * Offers the rows of `batch`.
   *
   * @throws {DataError} if there are too many groups
   */
  add(batch: RecordBatch): void {
    const { per, seed, rows } = this.#options
    const names = per === undefined ? undefined : column(batch, per)
    const offered: number[] = []
    for (let row = 0; row < batch.numRows; row++) {
      const group = (names?.get(row) ?? null) as Group
      const random = new Random(seed, this.#seen++)
      const key = random.uniform() + random.uniform() / 2 ** 32
      if (key >= this.#limitOf(group)) continue
      offered.push(row)
      this.#keys.push(key)
      this.#groups.push(group)
    }
    if (offered.length > 0) this.#held.push(take(batch, offered))
    if (this.#keys.length > 2 * rows * this.#limits.size) this.#cut()
  }

  /** The rows drawn so far, in input order; undefined if there is none. */
  drawn(): RecordBatch | undefined {
    this.#cut()
    return this.#held[0]
  }

  /** What it takes to go on. */
  save(): ReservoirState {
    const rows = this.drawn()
    return {
      seen: this.#seen,
      rows: rows && encodeBatch(rows),
      keys: this.#keys,
      groups: this.#groups,
      limits: this.#limits,
    }
  }

  /** Goes on where one was saved. Called before the first row. */
  restore({ seen, rows, keys, groups, limits }: ReservoirState): void {
    this.#seen = seen
    this.#held = rows ? [decodeBatch(rows)] : []
    this.#keys = [...keys]
    this.#groups = [...groups]
    this.#limits = new Map(limits)
  }

  #limitOf(group: Group): number {
    const limit = this.#limits.get(group)
    if (limit !== undefined) return limit
    const { per = '', maxGroups } = this.#options
    if (this.#limits.size === maxGroups)
      throw new DataError(
        `Expected at most ${String(maxGroups)} values of \`${per}\`, got another, \`${String(group)}\`: raise \`maxGroups\`, whose rows are all held`,
        { url: per },
      )
    this.#limits.set(group, Infinity)
    return Infinity
  }

  /** Lets go of the rows that others of their group have beaten; of two with one key the earlier stays. */
  #cut(): void {
    if (this.#held.length === 0) return
    const { rows } = this.#options
    const best = [...this.#keys.keys()].sort((a, b) => this.#key(a) - this.#key(b) || a - b)
    const taken = new Map<Group, number>()
    const kept = best.filter((at) => {
      const group = this.#groups[at] as Group
      const count = (taken.get(group) ?? 0) + 1
      taken.set(group, count)
      if (count === rows) this.#limits.set(group, this.#key(at))
      return count <= rows
    })
    kept.sort((a, b) => a - b)
    const held = concat(this.#held)
    this.#held = [kept.length < held.numRows ? take(held, kept) : held]
    this.#keys = kept.map((at) => this.#key(at))
    this.#groups = kept.map((at) => this.#groups[at] as Group)
  }

  #key(at: number): number {
    return this.#keys[at] as number
  }
}
