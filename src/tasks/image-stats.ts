import { MeasuredPicture, type Measures } from '../statistics/measures.ts'
import type { Box, Profile, Statistic } from '../statistics/profile.ts'
import {
  boxColumns,
  channelColumns,
  ofFile,
  pictureColumns,
  profiles,
  ratioColumns,
  type Wanted,
} from '../statistics/profiles.ts'
import { blockOtherReaders } from './encoded-picture.ts'
import { samplesIn } from './samples-in.ts'
import { deepSamples, type StoredSamples, storedSamples } from './stored-samples.ts'
import type { TakeRoom, Task, TaskRow, TaskValue } from './task.ts'

/** Options of this task. */
export interface ImageStatsTaskOptions extends Wanted, Readonly<Record<string, unknown>> {
  /** Column of pictures. */
  readonly column: string
  /** Column of the same pictures, encoded, for those with more than 8 bits per sample. */
  readonly stored: string | undefined
}

/** Measures the picture in a column, its channels and its boxes. */
export function start(options: ImageStatsTaskOptions): Task {
  blockOtherReaders()
  const profile = profiles[options.profile]
  const [ofPicture, ofChannels] = [pictureColumns(options), channelColumns(options)]
  const [ofBoxes, ratios] = [boxColumns(options), ratioColumns(options)]
  return {
    async run(row, room) {
      const { samples, alpha } = await pictureIn(row, options, room)
      const picture = new MeasuredPicture(samples, profile.view(samples, alpha))
      const out: Record<string, TaskValue> = {}
      for (const { name, statistic } of ofPicture)
        if (!(ofFile.includes(name) && name in row)) out[name] = valueOf(statistic, picture.all)
      const channels = ofChannels.length > 0 ? picture.channels : []
      for (const { name, statistic } of ofChannels) out[name] = valuesOf(statistic, channels)
      const boxes = options.boxes === undefined ? null : (row[options.boxes] as Float64Array | null)
      const parts = boxes && partsOf(profile, picture, boxes)
      for (const { name, statistic } of ofBoxes) out[name] = parts && valuesOf(statistic, parts)
      for (const { name, ratio } of ratios)
        out[name] =
          parts && Float64Array.from(parts, (part) => (part ? ratio(part, picture.all) : NaN))
      return out
    },
  }
}

/** What is in each box; undefined where there is nothing. */
function partsOf(
  { cut }: Profile,
  picture: MeasuredPicture,
  boxes: Float64Array,
): readonly (Measures | undefined)[] {
  return Array.from({ length: boxes.length / 4 }, (_, at) => {
    const box = [...boxes.subarray(4 * at, 4 * at + 4)] as unknown as Box
    const part = box.every(Number.isFinite) ? cut?.(picture.samples, box) : undefined
    return part && picture.cut(part).all
  })
}

/** The picture: as a file has it, or the decoded one, which has no opacity. */
async function pictureIn(
  row: TaskRow,
  { column, stored }: ImageStatsTaskOptions,
  room: TakeRoom,
): Promise<StoredSamples> {
  const value = row[column]
  if (value instanceof Uint8Array) return storedSamples(value, room)
  const encoded = stored === undefined ? null : row[stored]
  // Whoever decoded it took the room for this too.
  const deep = encoded instanceof Uint8Array && (await deepSamples(encoded))
  return deep || { samples: samplesIn(row, column), alpha: false }
}

/** Null where it is not a finite number. */
function valueOf({ of, whole }: Statistic, measures: Measures): TaskValue {
  const value = of(measures)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (!Array.from(value).every(Number.isFinite)) return null
  return whole ? Int32Array.from(value) : Float64Array.from(value)
}

/** Those of each of `all`, one after another; NaN where there is none. */
function valuesOf(
  { of, length = 1 }: Statistic,
  all: readonly (Measures | undefined)[],
): Float64Array {
  const values = new Float64Array(all.length * length).fill(NaN)
  for (const [at, measures] of all.entries()) {
    const value = measures ? of(measures) : NaN
    if (typeof value !== 'number') values.set(value, at * length)
    else if (Number.isFinite(value)) values[at * length] = value
  }
  return values
}
