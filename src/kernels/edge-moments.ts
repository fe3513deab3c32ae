/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
import { type EdgeSums, rgbEdges } from './rgb-edges.ts'
import type { SampleArray, Samples } from './samples.ts'

/** Which channels of a picture are looked at together. */
export interface ChannelRange {
  /** The first one. */
  readonly from: number
  /** The first one after them. */
  readonly to: number
}

/** How much the answers of an edge filter vary. */
export interface EdgeMoments {
  /** Their population standard deviation; NaN without any. */
  readonly std: number
  /** Pixels with an answer: those that, like all neighbours, have a value. */
  readonly count: number
}

/**
 * The answers of the 3 × 3 edge filter: 8 c less the sum of the 8 neighbours, where c is the mean of the channels.
 * Beyond the border lies the mirrored picture, whose first row is the border itself. The answer is 9 c less the sum of the
 * 3 × 3 pixels around, which is 3 sums of columns. Sums of integers are exact.
 *
 * Cost: one pass, and a few rows of memory.
 *
 * @param samples the picture
 * @param range its channels
 * @param clip least and largest answer; those beyond count as these
 */
export function edgeMoments(
  samples: Samples,
  range: ChannelRange,
  clip?: readonly [low: number, high: number],
): EdgeMoments {
  const { data, width, height } = samples
  const channels = range.to - range.from
  const isRgb = data instanceof Uint8Array && channels === 3 && samples.channels === 3
  const { sum, squares, count } =
    isRgb && !clip ? rgbEdges(data, width, height) : edgeSums(samples, range, clip)
  const mean = sum / count
  return { std: Math.sqrt(Math.max(0, squares / count - mean * mean)) / channels, count }
}

type Lines = [above: Float64Array, here: Float64Array, below: Float64Array]

/** Of the sum of the channels, not of their mean. */
function edgeSums(
  samples: Samples,
  range: ChannelRange,
  clip: readonly [low: number, high: number] = [-Infinity, Infinity],
): EdgeSums {
  const { width, height } = samples
  const [low, high] = clip.map((limit) => limit * (range.to - range.from)) as [number, number]
  const sums = { sum: 0, squares: 0, count: 0 }
  let [above, here, below] = [0, 1, 2].map(() => new Float64Array(width + 2)) as Lines
  fill(here, samples, 0, range)
  above.set(here)
  for (let y = 0; y < height; y++) {
    if (y + 1 < height) fill(below, samples, y + 1, range)
    else below.set(here)
    addLine(sums, [above, here, below], low, high)
    ;[above, here, below] = [here, below, above]
  }
  return sums
}

/** The sum of the channels of each pixel in row `y`, with one pixel mirrored at each end. */
function fill(
  line: Float64Array,
  { data, width, channels }: Samples,
  y: number,
  { from, to }: ChannelRange,
): void {
  let at = y * width * channels + from
  for (let x = 1; x <= width; x++, at += channels) line[x] = sumOf(data, at, at + to - from)
  line[0] = line[1]!
  line[width + 1] = line[width]!
}

function sumOf(data: SampleArray, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at++) sum += data[at]!
  return sum
}

/** Adds the answers of one row. */
function addLine(
  sums: { -readonly [Name in keyof EdgeSums]: number },
  [above, here, below]: Lines,
  low: number,
  high: number,
): void {
  let left = above[0]! + here[0]! + below[0]!
  let middle = above[1]! + here[1]! + below[1]!
  for (let x = 1; x < here.length - 1; x++) {
    const right = above[x + 1]! + here[x + 1]! + below[x + 1]!
    // 3 · (3 c) rounds as the sum does, so that a constant picture answers 0.
    const edge = 3 * (3 * here[x]!) - (left + middle + right)
    left = middle
    middle = right
    if (Number.isNaN(edge)) continue
    const clipped = Math.min(high, Math.max(low, edge))
    sums.sum += clipped
    sums.squares += clipped * clipped
    sums.count++
  }
}
