import type { Samples } from '../kernels/samples.ts'
import type { Measures, Place, View } from './measures.ts'

/** What a statistic is: a number, a whole number, or so many of them. */
export interface StatisticShape {
  /** Whether it is a whole number. */
  readonly whole: boolean
  /** How many numbers; without it one. */
  readonly length?: number
}

/** One statistic of a picture, a channel or a part. */
export interface Statistic extends StatisticShape {
  /** Its value; NaN where there is nothing to say. */
  readonly of: (measures: Measures) => number | ArrayLike<number>
  /** Whether it is made for each channel too. */
  readonly perChannel: boolean
  /** What it is in relation to that of the picture, for a part of it; without it there is no ratio. */
  readonly ratio?: (part: number, whole: number, measures: Measures) => number
}

/** The definitions of the statistics that go together. */
export interface Profile {
  /** By name, in the order of the columns. */
  readonly statistics: Readonly<Record<string, Statistic>>
  /** Those of parts only. */
  readonly partStatistics: Readonly<Record<string, Statistic>>
  /** How samples are looked at, of which the last channel is opacity if they have `alpha`. */
  readonly view: (samples: Samples, alpha: boolean) => View
  /** Cuts a box (x, y, width, height) out; undefined where nothing of it is in the picture. Without it there are no parts. */
  readonly part?: (samples: Samples, box: ArrayLike<number>) => Part | undefined
}

/** A part of a picture. */
export interface Part {
  /** Its samples. */
  readonly samples: Samples
  /** Where it was. */
  readonly place: Place
}

/** A statistic that is one number, of the picture and of each channel. */
export function number(of: Statistic['of']): Statistic {
  return { whole: false, perChannel: true, of, ratio }
}

/** A statistic that is one whole number, of the picture alone. */
export function whole(of: Statistic['of']): Statistic {
  return { whole: true, perChannel: false, of }
}

/** A statistic of several numbers, of the picture and of each channel. */
export function numbers(length: number, isWhole: boolean, of: Statistic['of']): Statistic {
  return { whole: isWhole, perChannel: true, length, of }
}

/** 0 where the whole has none. */
export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
