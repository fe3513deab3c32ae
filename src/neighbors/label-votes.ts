import { type Metric, rounding } from '../kernels/distance.ts'

/** Neighbours of each label that count. */
const counted = 3

/** The neighbours of rows, and the labels of all rows as numbers. */
export interface LabelledNeighbors {
  /** Neighbours per row. */
  readonly k: number
  /** How far apart rows are. */
  readonly metric: Metric
  /** `k` distances per row, ascending; ∞ where there are fewer. */
  readonly distances: Float64Array
  /** The numbers of those rows; −1 where there are fewer. */
  readonly rows: Int32Array
  /** The label of each row, 0 to `classes` − 1. */
  readonly labels: Int32Array
  /** How many labels there are. */
  readonly classes: number
}

/** What the neighbours of rows say of their labels. */
export interface LabelVotes {
  /** How much nearer another label is than the row's own: below ½ it is not. NaN for a row without neighbours. */
  readonly error: Float64Array
  /** The label that is nearer than the row's own; −1 if none is. */
  readonly suggested: Int32Array
  /** Its share of the votes; NaN if there is none. */
  readonly confidence: Float64Array
}

/**
 * Says of each row whether its neighbours bear out its label.
 *
 * A label is as far from a row as the mean of the 3 nearest rows under it, of the `k` that were found; one that was not
 * found counts as far as the last of them. The error is own / (own + other), where own is the distance of the row's label and other that of the nearest other label.
 * So a label with few rows is not outvoted by one with many: 3 of each are asked.
 *
 * An exact copy of the row under the same label is no witness, and of exact copies of another row, which are at the same
 * distance under the same label, only one is.
 *
 * The confidence is the share of the suggested label in a vote of the witnesses, of which the nearest has weight `k` and
 * the last of `k` has weight 1.
 *
 * @see H. Jiang et al., To Trust Or Not To Trust A Classifier (2018): the ratio of the distances to a label and to the nearest other
 */
export function labelVotes(neighbors: LabelledNeighbors): LabelVotes {
  const { labels, classes } = neighbors
  const error = new Float64Array(labels.length).fill(NaN)
  const suggested = new Int32Array(labels.length).fill(-1)
  const confidence = new Float64Array(labels.length).fill(NaN)
  const ballot = new Ballot(classes)
  for (let row = 0; row < labels.length; row++) {
    if (!ballot.count(neighbors, row)) continue
    const label = labels[row] as number
    const own = ballot.distance(label)
    const best = ballot.nearestBut(label)
    const other = best < 0 ? ballot.far : ballot.distance(best)
    error[row] = own + other > 0 ? own / (own + other) : 0.5
    if (best < 0 || own <= other) continue
    suggested[row] = best
    confidence[row] = ballot.share(best)
  }
  return { error, suggested, confidence }
}

/** The votes on one row at a time. */
class Ballot {
  /** By label: votes that count, up to 3, the sum of their distances, and the distance of the last vote. */
  readonly #votes: Int32Array
  readonly #sums: Float64Array
  readonly #last: Float64Array
  /** By label: the weights of all its votes. */
  readonly #weights: Float64Array
  /** The labels that have votes, nearest first. */
  #seen: number[] = []
  #weight = 0
  /** Distance of the last neighbour. */
  far = 0

  constructor(classes: number) {
    this.#votes = new Int32Array(classes)
    this.#sums = new Float64Array(classes)
    this.#last = new Float64Array(classes)
    this.#weights = new Float64Array(classes)
  }

  /** Counts the neighbours of `row`; false if there are none. */
  count({ k, metric, distances, rows, labels }: LabelledNeighbors, row: number): boolean {
    this.#clear()
    const own = labels[row] as number
    for (let i = 0; i < k; i++) {
      const neighbor = rows[row * k + i] as number
      if (neighbor < 0) return i > 0
      const label = labels[neighbor] as number
      const distance = distances[row * k + i] as number
      this.far = distance
      // A copy of the row itself, under its own label, is as one of a neighbour at distance 0.
      const last = this.#seen.includes(label) ? this.#last[label] : label === own ? 0 : -1
      if (distance - (last as number) > rounding(metric)) this.#add(label, distance, k - i)
      this.#last[label] = distance
    }
    return true
  }

  /** How far a label is. */
  distance(label: number): number {
    const votes = this.#votes[label] as number
    return ((this.#sums[label] as number) + (counted - votes) * this.far) / counted
  }

  /** The label with votes that is nearest, but `own`; −1 if there is none. */
  nearestBut(own: number): number {
    let best = -1
    for (const label of this.#seen)
      if (label !== own && (best < 0 || this.distance(label) < this.distance(best))) best = label
    return best
  }

  /** The part of all votes that a label has. */
  share(label: number): number {
    return (this.#weights[label] as number) / this.#weight
  }

  #add(label: number, distance: number, weight: number): void {
    if (!this.#seen.includes(label)) this.#seen.push(label)
    this.#weights[label] = (this.#weights[label] as number) + weight
    this.#weight += weight
    if ((this.#votes[label] as number) === counted) return
    this.#votes[label] = (this.#votes[label] as number) + 1
    this.#sums[label] = (this.#sums[label] as number) + distance
  }

  #clear(): void {
    for (const label of this.#seen) {
      this.#votes[label] = 0
      this.#sums[label] = 0
      this.#weights[label] = 0
    }
    this.#seen = []
    this.#weight = 0
    this.far = 0
  }
}
