import { MeasuredPicture, type Measures } from '../statistics/measures.ts'
import type { Statistic } from '../statistics/profile.ts'
import { channelColumns, pictureColumns, profiles, type Wanted } from '../statistics/profiles.ts'
import { blockOtherReaders } from './encoded-picture.ts'
import { samplesIn } from './samples-in.ts'
import { type StoredSamples, storedSamples } from './stored-samples.ts'
import type { TakeRoom, Task, TaskRow, TaskValue } from './task.ts'

/** Options of this task. */
export interface ImageStatsTaskOptions extends Wanted, Readonly<Record<string, unknown>> {
  /** Column of pictures. */
  readonly column: string
}

/** Statistics that describe the file where `decode` or a dataset has said them already. */
export const ofFile: readonly string[] = ['width', 'height', 'channels']

/** Measures the picture in a column. */
export function start(options: ImageStatsTaskOptions): Task {
  blockOtherReaders()
  const { view } = profiles[options.profile]
  const ofPicture = pictureColumns(options)
  const ofChannels = channelColumns(options)
  return {
    async run(row, room) {
      const { samples, alpha } = await pictureIn(row, options.column, room)
      const picture = new MeasuredPicture(samples, view(samples, alpha))
      const { channels } = picture
      const out: Record<string, TaskValue> = {}
      for (const { name, statistic } of ofPicture)
        if (!(ofFile.includes(name) && name in row)) out[name] = valueOf(statistic, picture.all)
      for (const { name, statistic } of ofChannels) out[name] = valuesOf(statistic, channels)
      return out
    },
  }
}

/** The picture as it is stored: a file's, or the decoded one, which has no opacity. */
async function pictureIn(row: TaskRow, column: string, room: TakeRoom): Promise<StoredSamples> {
  const value = row[column]
  if (value instanceof Uint8Array) return storedSamples(value, room)
  return { samples: samplesIn(row, column), alpha: false }
}

/** Null where it is not a finite number. */
function valueOf({ of, whole }: Statistic, measures: Measures): TaskValue {
  const value = of(measures)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (!Array.from(value).every(Number.isFinite)) return null
  return whole ? Int32Array.from(value) : Float64Array.from(value)
}

/** Those of each of `all`, one after another; NaN where there is none. */
function valuesOf({ of, length = 1 }: Statistic, all: readonly Measures[]): Float64Array {
  const values = new Float64Array(all.length * length)
  for (const [at, measures] of all.entries()) {
    const value = of(measures)
    values.set(typeof value === 'number' ? [value] : value, at * length)
  }
  return values
}
