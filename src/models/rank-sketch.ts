/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the entries */
import { RankedValues } from './ranked-values.ts'

/** What a sketch is made of again, by `structuredClone`. */
export interface RankSketchState {
  /** Values added. */
  readonly count: number
  /** Values of the entries, ascending. */
  readonly values: Float64Array
  /** Of each entry the rows that it stands for beyond those of the entry before. */
  readonly gaps: Float64Array
  /** Of each entry how far its last possible rank lies behind its first. */
  readonly spans: Float64Array
  /** Values that are not yet among the entries, in the order they came. */
  readonly pending: Float64Array
}

/**
 * Quantiles of numbers that pass, in one pass and little memory: the summary of Greenwald and Khanna.
 *
 * Each entry is a value, `gap` (its least possible rank minus that of the entry before) and `span` (its greatest
 * possible rank minus its least). While `gap + span ≤ 2εn` holds for all, **no rank that is read off is wrong by more
 * than εn rows**: always, in whatever order the values come, with no chance in it. Up to 1 / 2ε values it is
 * exact; least and greatest value always are. Equal input gives an equal sketch.
 *
 * Memory: 24 bytes an entry and 8 for each of 1 / 2ε values that wait. By the paper at most 11 / 2ε · log₂(2εn) entries;
 * measured for ε = 0.001 and 1,000,000 values: fewer than 1,500 (36 KB) for random and sorted ones, 5,500 (130 KB) for 50
 * values over and over. Time: .5 µs a value.
 *
 * @see Greenwald, Khanna, "Space-efficient online computation of quantile summaries", SIGMOD 2001
 */
export class RankSketch {
  /** The bound ε on the error of a rank, in parts of the rows. */
  readonly error: number
  #count = 0
  #values: Float64Array = new Float64Array(0)
  #gaps: Float64Array = new Float64Array(0)
  #spans: Float64Array = new Float64Array(0)
  readonly #pending: Float64Array
  #waiting = 0
  #ranked: RankedValues | undefined

  constructor(error: number) {
    this.error = error
    this.#pending = new Float64Array(Math.max(1, Math.floor(1 / (2 * error))))
  }

  /** A sketch that goes on from what {@link RankSketch.state} gave. */
  static fromState(error: number, state: RankSketchState): RankSketch {
    const sketch = new RankSketch(error)
    sketch.#count = state.count
    sketch.#values = state.values
    sketch.#gaps = state.gaps
    sketch.#spans = state.spans
    sketch.#pending.set(state.pending)
    sketch.#waiting = state.pending.length
    return sketch
  }

  /** Values added. */
  get count(): number {
    return this.#count + this.#waiting
  }

  /** Entries, and values that wait to be among them. */
  get size(): number {
    return this.#values.length + this.#waiting
  }

  /** Adds a finite number. */
  add(value: number): void {
    this.#ranked = undefined
    this.#pending[this.#waiting++] = value
    if (this.#waiting < this.#pending.length) return
    this.#set(this.#merged())
    this.#count += this.#waiting
    this.#waiting = 0
  }

  /** The values that stand for all, each with the middle of its possible ranks. What waits stays waiting. */
  ranked(): RankedValues {
    if (this.#ranked) return this.#ranked
    const { values, gaps, spans } = this.#waiting > 0 ? this.#merged() : this.#entries()
    const ends = new Float64Array(values.length)
    let least = 0
    let end = 0
    for (let i = 0; i < values.length; i++) {
      least += gaps[i]!
      // Rows up to a number from this entry to the next: from `least` to one less than the last rank of the next.
      const most = i + 1 < values.length ? least + gaps[i + 1]! + spans[i + 1]! - 1 : least
      end = Math.max(end, Math.floor((least + most) / 2))
      ends[i] = end
    }
    return (this.#ranked = new RankedValues(values.slice(), ends))
  }

  /** All it takes to go on as if nothing had happened. */
  state(): RankSketchState {
    const { values, gaps, spans } = this.#entries()
    const pending = this.#pending.slice(0, this.#waiting)
    return { count: this.#count, values, gaps, spans, pending }
  }

  #entries(): Entries {
    return { values: this.#values, gaps: this.#gaps, spans: this.#spans }
  }

  #set({ values, gaps, spans }: Entries): void {
    this.#values = values
    this.#gaps = gaps
    this.#spans = spans
  }

  /** The entries with the waiting values among them, as few as the bound allows. */
  #merged(): Entries {
    const waiting = this.#pending.slice(0, this.#waiting).sort()
    const all = withValues(this.#entries(), waiting)
    return compressed(all, Math.floor(2 * this.error * this.count))
  }
}

interface Entries {
  readonly values: Float64Array
  readonly gaps: Float64Array
  readonly spans: Float64Array
}

function entriesOf(size: number): Entries {
  return {
    values: new Float64Array(size),
    gaps: new Float64Array(size),
    spans: new Float64Array(size),
  }
}

/** Adds values, which ascend. One that comes before an entry may have any rank up to the last of that entry. */
function withValues({ values, gaps, spans }: Entries, added: Float64Array): Entries {
  const out = entriesOf(values.length + added.length)
  for (let i = 0, j = 0, at = 0; at < out.values.length; at++) {
    const isNew = j < added.length && (i === values.length || added[j]! < values[i]!)
    out.values[at] = isNew ? added[j]! : values[i]!
    out.gaps[at] = isNew ? 1 : gaps[i]!
    out.spans[at] = isNew ? (i === values.length ? 0 : gaps[i]! + spans[i]! - 1) : spans[i]!
    if (isNew) j++
    else i++
  }
  return out
}

/** Joins each entry to the next while that one's gap and span stay within `most`; the first stays, and so does the last. */
function compressed({ values, gaps, spans }: Entries, most: number): Entries {
  const out = entriesOf(values.length)
  let at = values.length
  let first = at
  for (let i = values.length - 1; i >= 0; i--) {
    const joins = i > 0 && first < at && gaps[i]! + out.gaps[first]! + out.spans[first]! <= most
    if (joins) {
      out.gaps[first]! += gaps[i]!
      continue
    }
    first--
    out.values[first] = values[i]!
    out.gaps[first] = gaps[i]!
    out.spans[first] = spans[i]!
  }
  at = first
  return {
    values: out.values.slice(at),
    gaps: out.gaps.slice(at),
    spans: out.spans.slice(at),
  }
}
