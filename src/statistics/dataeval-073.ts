import { contains } from '../kernels/cut.ts'
import { constantSamples, cutSamples } from '../kernels/cut-samples.ts'
import { pixelSums } from '../kernels/pixel-sums.ts'
import type { Samples } from '../kernels/samples.ts'
import { clipped, dataeval065, ifWhole, quartiles } from './dataeval-065.ts'
import type { Measures, Part } from './measures.ts'
import { channels, height, left, orZero, top, width } from './places.ts'
import {
  type Box,
  ofSamples,
  ofSize,
  pixelsAround,
  type Profile,
  quotientOf,
  several,
  wholeNumber,
} from './profile.ts'

/**
 * The statistics of DataEval 0.73, before it rounds them to 16 bits. A box that reaches beyond the picture is all 0.
 *
 * @see https://github.com/dataeval/dataeval/tree/v0.73.1
 */
export const dataeval073: Profile = {
  statistics: {
    left: { ...wholeNumber(left), ratio: (box, picture) => left(box) / width(picture) },
    top: { ...wholeNumber(top), ratio: (box, picture) => top(box) / height(picture) },
    width: { ...wholeNumber(width), ratio: quotientOf(width) },
    height: { ...wholeNumber(height), ratio: quotientOf(height) },
    channels: { ...wholeNumber(channels), ratio: channels },
    size: ofSize(({ pixels }) => pixels),
    aspect_ratio: ofSize((measures) => width(measures) / height(measures)),
    depth: { ...wholeNumber(depth), ratio: depth },
    center: { whole: true, perChannel: false, length: 2, of: (measures) => centre(measures) },
    distance: { ...ofSize(distance), ratio: distance },
    mean: ofSamples((measures) => ifWhole(measures, measures.moments.mean)),
    std: ofSamples((measures) => ifWhole(measures, Math.sqrt(measures.moments.variance))),
    var: ofSamples((measures) => ifWhole(measures, measures.moments.variance)),
    skew: ofSamples((measures) => orZero(ifWhole(measures, measures.moments.skew))),
    kurtosis: ofSamples((measures) => orZero(ifWhole(measures, measures.moments.kurtosis))),
    histogram: several(256, true, ({ bins }) => bins),
    entropy: ofSamples(({ entropy }) => entropy),
    brightness: ofSamples((measures) => measures.quantile(0.25)),
    contrast: ofSamples((measures) => orZero(contrastOf(measures, 0))),
    darkness: ofSamples((measures) => measures.quantile(0.75)),
    missing: ofSamples((measures) => sumsOf(measures).missing / measures.pixels),
    sharpness: ofSamples((measures) => {
      const { count, std } = measures.edges(clipped)
      return count < measures.pixels ? NaN : std
    }),
    zeros: ofSamples((measures) => sumsOf(measures).zeros / measures.pixels),
    percentiles: several(5, false, (measures) => measures.quantiles(quartiles)),
  },
  view: dataeval065.view,
  cut: cutOrZeros,
}

/** The range of the quartiles by their mean. */
export function contrastOf(measures: Measures, more: number): number {
  const found = measures.quantiles(quartiles)
  const [least = NaN, , , , largest = NaN] = found
  return (largest - least) / (found.reduce((sum, value) => sum + value, 0) / found.length + more)
}

function sumsOf({ picture, range }: Measures): ReturnType<typeof pixelSums> {
  return pixelSums(picture.samples, range)
}

function depth({ picture }: Measures): number {
  return picture.scale.depth
}

function centre(measures: Measures): readonly [x: number, y: number] {
  return [
    Math.trunc(left(measures) + width(measures) / 2),
    Math.trunc(top(measures) + height(measures) / 2),
  ]
}

/** From the middle of the box to that of a picture of its size. */
function distance({ picture: { part } }: Measures): number {
  return Math.hypot(part.left, part.top)
}

function cutOrZeros(samples: Samples, box: Box): Part | undefined {
  const around = pixelsAround(samples, box)
  if (!around) return undefined
  const inside = contains(samples, around)
  const cut = inside ? cutSamples(samples, around) : constantSamples(around, samples.channels, 0)
  return { samples: cut, ...around }
}
