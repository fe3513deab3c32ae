/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within the sizes given */
import type { SampleArray, Samples } from './samples.ts'

/** Which channels of a picture are looked at together. */
export interface ChannelRange {
  /** The first one. */
  readonly from: number
  /** The first one after them. */
  readonly to: number
}

/** Moments of what an edge filter answers at the pixels of a picture. */
export interface EdgeMoments {
  /** Mean of the answers. */
  readonly mean: number
  /** Their population standard deviation; NaN without any. */
  readonly std: number
  /** Pixels with an answer: those that, like all neighbours, have a value. */
  readonly count: number
}

/**
 * The answer of the 3 × 3 edge filter: 8 c less the sum of the 8 neighbours, where c is the mean of the channels.
 * Beyond the border lies the mirrored picture, whose first row is the border itself. The answer is 9 c less the sum of the
 * 3 × 3 pixels around, which is 3 sums of columns. Sums of integers are exact.
 *
 * Cost: one pass, and four rows of memory.
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
  const { width, height } = samples
  const channels = range.to - range.from
  const [low = -Infinity, high = Infinity] = (clip ?? []).map((limit) => limit * channels)
  const sums = new Float64Array(3)
  let [above, here, below] = [0, 1, 2].map(() => new Float64Array(width + 2)) as Lines
  fill(here, samples, 0, range)
  above.set(here)
  for (let y = 0; y < height; y++) {
    if (y + 1 < height) fill(below, samples, y + 1, range)
    else below.set(here)
    addLine(sums, [above, here, below], low, high)
    ;[above, here, below] = [here, below, above]
  }
  const [sum, squares, count] = sums as unknown as [number, number, number]
  const mean = sum / count
  const std = Math.sqrt(Math.max(0, squares / count - mean * mean))
  return { mean: mean / channels, std: std / channels, count }
}

type Lines = [above: Float64Array, here: Float64Array, below: Float64Array]

/** The sum of the channels of each pixel in row `y`, with one pixel mirrored at each end. */
function fill(
  line: Float64Array,
  { data, width, channels }: Samples,
  y: number,
  { from, to }: ChannelRange,
): void {
  let at = y * width * channels + from
  if (data instanceof Uint8Array && to - from === 3) sumsOfThree(line, data, at, channels)
  else if (to - from === 1) for (let x = 1; x <= width; x++, at += channels) line[x] = data[at]!
  else for (let x = 1; x <= width; x++, at += channels) line[x] = sumOf(data, at, to - from)
  line[0] = line[1]!
  line[width + 1] = line[width]!
}

function sumsOfThree(line: Float64Array, data: Uint8Array, start: number, channels: number): void {
  for (let x = 1, at = start; x < line.length - 1; x++, at += channels)
    line[x] = data[at]! + data[at + 1]! + data[at + 2]!
}

function sumOf(data: SampleArray, at: number, length: number): number {
  let sum = 0
  for (let i = at; i < at + length; i++) sum += data[i]!
  return sum
}

/** Adds the answers of one row, their squares and their number. */
function addLine(sums: Float64Array, [above, here, below]: Lines, low: number, high: number): void {
  let [sum, squares, count] = [0, 0, 0]
  let left = above[0]! + here[0]! + below[0]!
  let middle = above[1]! + here[1]! + below[1]!
  for (let x = 1; x < here.length - 1; x++) {
    const right = above[x + 1]! + here[x + 1]! + below[x + 1]!
    // 3 · (3 c) rounds as the sum does, so that a constant picture answers 0.
    const edge = 3 * (3 * here[x]!) - (left + middle + right)
    left = middle
    middle = right
    if (edge !== edge) continue
    const clipped = edge < low ? low : edge > high ? high : edge
    sum += clipped
    squares += clipped * clipped
    count++
  }
  sums[0]! += sum
  sums[1]! += squares
  sums[2]! += count
}
