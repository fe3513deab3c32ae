import type { Measures, Part, View } from './measures.ts'
import { type Box as PixelBox, contains } from '../kernels/cut.ts'
import type { Samples } from '../kernels/samples.ts'

/** What a statistic is: a number, a whole number, or so many of them. */
export interface StatisticShape {
  /** Whether it is a whole number. */
  readonly whole: boolean
  /** How many numbers; without it one. */
  readonly length?: number
}

/** One statistic of a picture, a channel or a box. */
export interface Statistic extends StatisticShape {
  /** Its value; NaN where there is nothing to say. */
  readonly of: (measures: Measures) => number | ArrayLike<number>
  /** Whether it is made for each channel too. */
  readonly perChannel: boolean
  /** Whether it is made for boxes alone. */
  readonly ofBoxes?: boolean
  /** Its value for a box in relation to the picture; without it there is none. */
  readonly ratio?: (box: Measures, picture: Measures) => number
}

/** The definitions of the statistics that go together. */
export interface Profile {
  /** By name, in the order of the columns. */
  readonly statistics: Readonly<Record<string, Statistic>>
  /** How samples are looked at, of which the last channel is opacity if they have `alpha`. */
  readonly view: (samples: Samples, alpha: boolean) => View
  /** Cuts a box out; undefined where there is nothing to measure. Without it there are no boxes. */
  readonly cut?: (samples: Samples, box: Box) => Part | undefined
}

/** x and y of the upper left corner, width and height. */
export type Box = readonly [left: number, top: number, width: number, height: number]

type Of = (measures: Measures) => number

/** A statistic that is one number of the samples. */
export function ofSamples(of: Of): Statistic {
  return { whole: false, perChannel: true, of, ratio: quotientOf(of) }
}

/** A statistic that is one number of the size or the place. */
export function ofSize(of: Of): Statistic {
  return { ...ofSamples(of), perChannel: false }
}

/** A statistic that is one whole number of the size or the place, and has no relation to the picture's. */
export function wholeNumber(of: Of): Statistic {
  return { whole: true, perChannel: false, of }
}

/** A statistic of several numbers of the samples. */
export function several(length: number, whole: boolean, of: Statistic['of']): Statistic {
  return { whole, perChannel: true, length, of }
}

/** What a box has of `of`, by what its picture has; 0 where that has none. */
export function quotientOf(of: Of): NonNullable<Statistic['ratio']> {
  return (box, picture) => quotient(of(box), of(picture))
}

/** 0 where `by` is 0. */
export function quotient(value: number, by: number): number {
  return by === 0 ? 0 : value / by
}

/** Most pixels of a box that reaches beyond its picture, which may say anything. */
const mostPixels = 2 ** 22

/** The pixels that a box touches; undefined if there are none, or very many of which the picture has not all. */
export function pixelsAround(
  samples: Samples,
  [x, y, boxWidth, boxHeight]: Box,
): PixelBox | undefined {
  const left = Math.floor(x)
  const top = Math.floor(y)
  const width = Math.ceil(x + boxWidth) - left
  const height = Math.ceil(y + boxHeight) - top
  const around = { left, top, width, height }
  if (!(width > 0 && height > 0)) return undefined
  return width * height <= mostPixels || contains(samples, around) ? around : undefined
}
