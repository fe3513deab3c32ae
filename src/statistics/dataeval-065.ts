import { zerosIn } from '../kernels/distribution.ts'
import { guessedScale } from './guessed-scale.ts'
import { half } from './half.ts'
import type { Measures } from './measures.ts'
import { type Profile, type Statistic, wholeNumber } from './profile.ts'

/** Answers of the edge filter, to which 0.5 is added, are cut off at those of 8-bit pictures. */
export const clipped = [-0.5, 254.5] as const

export const quartiles = [0, 0.25, 0.5, 0.75, 1]

/**
 * The statistics of DataEval 0.65: numbers are rounded to 16 bits, the depth is guessed, one missing sample makes the
 * moments unknown, opacity is a channel as others are.
 *
 * @see https://github.com/dataeval/dataeval/tree/v0.65.0
 */
export const dataeval065: Profile = {
  statistics: {
    width: wholeNumber(({ picture }) => picture.samples.width),
    height: wholeNumber(({ picture }) => picture.samples.height),
    channels: wholeNumber(({ picture }) => picture.samples.channels),
    size: { ...rounded(({ pixels }) => pixels), of: ({ pixels }) => pixels },
    aspect_ratio: rounded(({ picture: { samples } }) => samples.width / samples.height),
    depth: wholeNumber(({ picture }) => picture.scale.depth),
    brightness: rounded((measures) => ifWhole(measures, measures.moments.mean)),
    blurriness: rounded((measures) => {
      const { count, std } = measures.edges(clipped)
      return count < measures.pixels ? NaN : std
    }),
    missing: rounded(({ stored, pixels }) => stored.missing / pixels),
    zero: rounded(({ stored, pixels }) => zerosIn(stored) / pixels),
    mean: perChannel((measures) => ifWhole(measures, measures.moments.mean)),
    std: perChannel((measures) => ifWhole(measures, Math.sqrt(measures.moments.variance))),
    var: perChannel((measures) => ifWhole(measures, measures.moments.variance)),
    skew: perChannel((measures) => ifWhole(measures, measures.moments.skew)),
    kurtosis: perChannel((measures) => ifWhole(measures, measures.moments.kurtosis)),
    percentiles: {
      ...{ whole: false, perChannel: true, length: 5 },
      of: (measures) =>
        measures.quantiles(quartiles).map((value) => half(ifWhole(measures, value))),
    },
    histogram: { whole: true, perChannel: true, length: 256, of: ({ bins }) => bins },
    entropy: perChannel(({ entropy }) => entropy),
  },
  view: ({ channels }) => ({
    colours: channels,
    scaleOf: (_samples, distribution) => {
      const found = distribution()
      return guessedScale(found, found.missing === 0, -1)
    },
  }),
}

/** NaN where a sample is missing. */
export function ifWhole({ stored }: Measures, value: number): number {
  return stored.missing > 0 ? NaN : value
}

function rounded(of: (measures: Measures) => number): Statistic {
  return { whole: false, perChannel: false, of: (measures) => half(of(measures)) }
}

function perChannel(of: (measures: Measures) => number): Statistic {
  return { ...rounded(of), perChannel: true }
}
