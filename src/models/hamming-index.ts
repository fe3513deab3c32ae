/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the codes */

/** Hashes of 64 bits, and the rows that they are of: one for each row, or several. */
export interface HashCodes {
  /** Two words of 32 bits per code, the high one first. */
  readonly words: Uint32Array
  /** The row of each code. */
  readonly rows: Int32Array
}

/** Pairs that were found; the arrays run in parallel. */
export interface HammingPairs {
  /** Rows of the codes on the left. */
  readonly first: Int32Array
  /** Rows of the codes on the right. */
  readonly second: Int32Array
  /** Bits in which they differ. */
  readonly distances: Uint8Array
}

const chunks = 4
const chunkValues = 2 ** 16
/** Comparisons after which what was found is handed out: a few milliseconds. */
const turn = 2 ** 20
/** Pairs after which it is handed out at the latest, roughly. */
const pairsAtOnce = 2 ** 16

/**
 * Finds all pairs of codes that differ in at most `radius` bits, each once: of `left` with `right`, or, without `right`,
 * of the codes of `left` among themselves (the lower row first). What it yields may be empty: it is a chance for the
 * caller to let others have a turn.
 *
 * Multi-index hashing: codes are put into order by each of their four 16-bit chunks. With radius = 4a + b, a pair is
 * within a bits in one of the first b + 1 chunks, or within a − 1 in one of the others; so only buckets that far apart
 * are held against each other, and a pair counts in the first chunk in which it is that near. Exact for every radius;
 * beyond about 16, and for few codes, where there would be more buckets to look at than codes, all pairs are.
 *
 * Memory: 12 bytes per code on either side. Time: see `bench/hamming.ts`.
 *
 * @see Norouzi, Punjani, Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014
 */
export function* hammingPairs(
  radius: number,
  left: HashCodes,
  right?: HashCodes,
): Generator<HammingPairs> {
  const radii = chunkRadii(radius)
  const probes = radii.reduce((sum, r) => sum + masksWithin(r).length, 0)
  const found = new Found(right === undefined)
  if (probes >= (right ?? left).rows.length) {
    const search = new Search({ radius, earlier: [], left, right: right ?? left, found })
    yield* search.inParts(allOf(left), allOf(right ?? left), right === undefined)
    yield found.take()
    return
  }
  for (const [chunk, within] of radii.entries()) {
    const sorted = byChunk(left, chunk)
    const others = right ? byChunk(right, chunk) : sorted
    const earlier = radii.slice(0, chunk)
    const search = new Search({ radius, earlier, left: sorted, right: others, found })
    for (let key = 0; key < chunkValues; key++) {
      const own = sorted.bucket(key)
      if (own.from === own.to) continue
      for (const mask of masksWithin(within)) {
        const near = key ^ mask
        if (!right && near < key) continue
        yield* search.inParts(own, others.bucket(near), !right && mask === 0)
      }
    }
  }
  yield found.take()
}

/** Per chunk how many bits of it may differ, −1 for a chunk that need not be looked at. */
function chunkRadii(radius: number): number[] {
  const each = Math.floor(radius / chunks)
  return Array.from({ length: chunks }, (_, i) => (i <= radius % chunks ? each : each - 1))
}

const knownMasks = new Map<number, Uint16Array>()

/** All 16-bit numbers with at most `bits` bits set. */
function masksWithin(bits: number): Uint16Array {
  const known = knownMasks.get(bits)
  if (known) return known
  const all = Uint16Array.from({ length: chunkValues }, (_, i) => i)
  const masks = all.filter((mask) => bitCount(mask, 0) <= bits)
  knownMasks.set(bits, masks)
  return masks
}

/** A range of codes that follow one another, half-open. */
interface Range {
  readonly from: number
  readonly to: number
}

/** Codes in the order of a chunk. */
interface Ordered extends HashCodes {
  readonly bucket: (key: number) => Range
}

function allOf({ rows }: HashCodes): Range {
  return { from: 0, to: rows.length }
}

/** Puts codes into the order of a chunk, so that those of one value lie together. */
function byChunk({ words, rows }: HashCodes, chunk: number): Ordered {
  const [word, shift] = [chunk >> 1, chunk % 2 === 0 ? 16 : 0]
  const ends = new Int32Array(chunkValues + 1)
  for (let i = 0; i < rows.length; i++) ends[((words[2 * i + word]! >>> shift) & 0xffff) + 1]!++
  for (let key = 0; key < chunkValues; key++) ends[key + 1]! += ends[key]!
  const next = ends.slice()
  const out = { words: new Uint32Array(words.length), rows: new Int32Array(rows.length) }
  for (let i = 0; i < rows.length; i++) {
    const at = next[(words[2 * i + word]! >>> shift) & 0xffff]!++
    out.words[2 * at] = words[2 * i]!
    out.words[2 * at + 1] = words[2 * i + 1]!
    out.rows[at] = rows[i]!
  }
  return { ...out, bucket: (key) => ({ from: ends[key]!, to: ends[key + 1]! }) }
}

const nothing: readonly HammingPairs[] = []

/** What is compared with what. */
interface SearchSpec {
  readonly radius: number
  /** Of the chunks looked at before, how many bits may differ: a pair that is near there is known. */
  readonly earlier: readonly number[]
  readonly left: HashCodes
  readonly right: HashCodes
  readonly found: Found
}

/** Holds codes against each other. */
class Search {
  readonly #spec: SearchSpec

  constructor(spec: SearchSpec) {
    this.#spec = spec
  }

  /** Holds each code of a range against each of another, or (`within`) against those after it; hands out what is due. */
  inParts(own: Range, other: Range, within: boolean): Iterable<HammingPairs> {
    const { found } = this.#spec
    const most = Math.max(1, Math.floor(pairsAtOnce / (other.to - other.from)))
    if (own.to - own.from > most) return this.#parts(own, other, { within, most })
    this.#compare(own, other, within)
    return found.due ? [found.take()] : nothing
  }

  *#parts(
    own: Range,
    other: Range,
    { within, most }: { readonly within: boolean; readonly most: number },
  ): Generator<HammingPairs> {
    const { found } = this.#spec
    for (let from = own.from; from < own.to; from += most) {
      this.#compare({ from, to: Math.min(own.to, from + most) }, other, within)
      if (found.due) yield found.take()
    }
  }

  #compare(own: Range, other: Range, within: boolean): void {
    const { radius, earlier, left, right, found } = this.#spec
    const [mine, theirs] = [left.words, right.words]
    found.compared += (own.to - own.from) * (other.to - other.from)
    for (let i = own.from; i < own.to; i++) {
      const high = mine[2 * i]!
      const low = mine[2 * i + 1]!
      for (let j = within ? i + 1 : other.from; j < other.to; j++) {
        const x = high ^ theirs[2 * j]!
        const y = low ^ theirs[2 * j + 1]!
        const distance = bitCount(x, y)
        if (distance > radius || wasFound(x, y, earlier)) continue
        found.add(left.rows[i]!, right.rows[j]!, distance)
      }
    }
  }
}

/** How many of the bits of two words of 32 bits are set. */
export function bitCount(high: number, low: number): number {
  let x = high - ((high >>> 1) & 0x55555555)
  let y = low - ((low >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  y = (y & 0x33333333) + ((y >>> 2) & 0x33333333)
  const bytes =
    (x & 0x0f0f0f0f) + ((x >>> 4) & 0x0f0f0f0f) + (y & 0x0f0f0f0f) + ((y >>> 4) & 0x0f0f0f0f)
  return Math.imul(bytes, 0x01010101) >>> 24
}

/** Whether two codes, which differ by `x` and `y`, are near in an earlier chunk. */
function wasFound(x: number, y: number, earlier: readonly number[]): boolean {
  for (let chunk = 0; chunk < earlier.length; chunk++) {
    const word = chunk < 2 ? x : y
    const part = chunk % 2 === 0 ? word >>> 16 : word & 0xffff
    if (bitCount(part, 0) <= earlier[chunk]!) return true
  }
  return false
}

/** Pairs that have not been handed out. */
class Found {
  /** Comparisons since then. */
  compared = 0
  #first: number[] = []
  #second: number[] = []
  #distances: number[] = []
  readonly #ordered: boolean

  /** With `ordered` the lower row of a pair is its first. */
  constructor(ordered: boolean) {
    this.#ordered = ordered
  }

  get due(): boolean {
    return this.compared >= turn || this.#first.length >= pairsAtOnce
  }

  add(first: number, second: number, distance: number): void {
    const swaps = this.#ordered && first > second
    this.#first.push(swaps ? second : first)
    this.#second.push(swaps ? first : second)
    this.#distances.push(distance)
  }

  take(): HammingPairs {
    const pairs = {
      first: Int32Array.from(this.#first),
      second: Int32Array.from(this.#second),
      distances: Uint8Array.from(this.#distances),
    }
    this.compared = 0
    this.#first = []
    this.#second = []
    this.#distances = []
    return pairs
  }
}
