import { zerosIn } from '../kernels/distribution.ts'
import { fullScale, type Samples } from '../kernels/samples.ts'
import type { Measures, Scale, View } from './measures.ts'
import { number, numbers, type Profile, ratio, type Statistic, whole } from './profile.ts'

/** The least and the largest answer of the edge filter are 8 times full scale. */
const mostEdge = 8

const quartiles = [0, 0.25, 0.5, 0.75, 1]

const dimensions: Readonly<Record<string, Statistic>> = {
  width: { ...whole(({ picture }) => picture.samples.width), ratio },
  height: { ...whole(({ picture }) => picture.samples.height), ratio },
  size: { ...number((measures) => measures.pixels), perChannel: false },
  aspect_ratio: {
    ...number(({ picture: { samples } }) => samples.width / samples.height),
    perChannel: false,
  },
  channels: whole(({ picture }) => picture.samples.channels),
  depth: whole(({ picture }) => picture.scale.depth),
}

/** The statistics, each defined once; the page `docs/image-statistics.md` says them in formulas. */
export const defaultProfile: Profile = {
  statistics: {
    ...dimensions,
    mean: number(({ moments }) => moments.mean),
    std: number(({ moments }) => Math.sqrt(moments.variance)),
    var: number(({ moments }) => moments.variance),
    skew: number((measures) => unlessConstant(measures, measures.moments.skew)),
    kurtosis: number((measures) => unlessConstant(measures, measures.moments.kurtosis)),
    entropy: number(({ entropy }) => entropy),
    brightness: number((measures) => measures.quantiles([0.25])[0] ?? NaN),
    darkness: number((measures) => measures.quantiles([0.75])[0] ?? NaN),
    contrast: number((measures) => {
      const [low = NaN, high = NaN] = measures.quantiles([0.01, 0.99])
      return high - low
    }),
    sharpness: number((measures) => {
      const { count, std } = measures.edges()
      return count === 0 ? NaN : std / measures.picture.scale.range / mostEdge
    }),
    zeros: number((measures) => zerosIn(measures.stored) / measures.size),
    missing: number((measures) => measures.stored.missing / measures.size),
    percentiles: numbers(5, false, (measures) => measures.quantiles(quartiles)),
    histogram: numbers(256, true, ({ bins }) => bins),
  },
  partStatistics: {},
  view: (samples, alpha): View => ({
    colours: samples.channels - (alpha ? 1 : 0),
    scaleOf: scaleOfType,
  }),
}

function unlessConstant({ moments }: Measures, value: number): number {
  return moments.variance === 0 ? 0 : value
}

function scaleOfType({ data }: Samples): Scale {
  return { depth: 8 * data.BYTES_PER_ELEMENT, low: 0, range: fullScale(data) }
}
