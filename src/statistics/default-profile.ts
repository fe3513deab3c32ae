import { quantilesOf, zerosIn } from '../kernels/distribution.ts'
import { cutSamples } from '../kernels/cut-samples.ts'
import { fullScale, type Samples } from '../kernels/samples.ts'
import type { Measures, Part, Scale } from './measures.ts'
import {
  type Box,
  ofSamples,
  ofSize,
  type Profile,
  quotientOf,
  several,
  wholeNumber,
} from './profile.ts'

/** The least and the largest answer of the edge filter are 8 times full scale. */
const mostEdge = 8

const quartiles = [0, 0.25, 0.5, 0.75, 1]

/** The statistics, each defined once; the page `docs/image-statistics.md` says them in formulas. */
export const defaultProfile: Profile = {
  statistics: {
    left: { ...wholeNumber(({ picture }) => picture.part.left), ofBoxes: true },
    top: { ...wholeNumber(({ picture }) => picture.part.top), ofBoxes: true },
    width: { ...wholeNumber(width), ratio: quotientOf(width) },
    height: { ...wholeNumber(height), ratio: quotientOf(height) },
    size: ofSize(({ pixels }) => pixels),
    aspect_ratio: ofSize((measures) => width(measures) / height(measures)),
    distance: { whole: false, perChannel: false, ofBoxes: true, of: distanceOf },
    channels: wholeNumber(({ picture }) => picture.samples.channels),
    depth: wholeNumber(({ picture }) => picture.scale.depth),
    mean: ofSamples(({ moments }) => moments.mean),
    std: ofSamples(({ moments }) => Math.sqrt(moments.variance)),
    var: ofSamples(({ moments }) => moments.variance),
    skew: ofSamples((measures) => unlessConstant(measures, measures.moments.skew)),
    kurtosis: ofSamples((measures) => unlessConstant(measures, measures.moments.kurtosis)),
    entropy: ofSamples(({ entropy }) => entropy),
    brightness: ofSamples((measures) => measures.quantile(0.25)),
    darkness: ofSamples((measures) => measures.quantile(0.75)),
    contrast: ofSamples(contrastOf),
    sharpness: ofSamples((measures) => {
      const { count, std } = measures.edges()
      return count === 0 ? NaN : std / measures.picture.scale.range / mostEdge
    }),
    zeros: ofSamples((measures) => zerosIn(measures.stored) / measures.size),
    missing: ofSamples((measures) => measures.stored.missing / measures.size),
    percentiles: several(5, false, (measures) => measures.quantiles(quartiles)),
    histogram: several(256, true, ({ bins }) => bins),
  },
  view: (samples, alpha) => ({
    colours: samples.channels - (alpha ? 1 : 0),
    scaleOf: scaleOfType,
  }),
  cut: cutInside,
}

function width({ picture }: Measures): number {
  return picture.samples.width
}

function height({ picture }: Measures): number {
  return picture.samples.height
}

/** From the middle of the picture to that of the part, by half its diagonal. */
function distanceOf({ picture: { part, whole } }: Measures): number {
  const { samples } = whole
  const across = part.left + part.width / 2 - samples.width / 2
  const down = part.top + part.height / 2 - samples.height / 2
  return Math.hypot(across, down) / (Math.hypot(samples.width, samples.height) / 2)
}

/** Subtracted as stored, so that the same levels apart are the same contrast, not one that is rounded otherwise. */
function contrastOf({ stored, picture }: Measures): number {
  const [low = NaN, high = NaN] = quantilesOf(stored, [0.01, 0.99])
  return (high - low) / picture.scale.range
}

function unlessConstant({ moments }: Measures, value: number): number {
  return moments.variance === 0 ? 0 : value
}

function scaleOfType({ data }: Samples): Scale {
  return { depth: 8 * data.BYTES_PER_ELEMENT, low: 0, range: fullScale(data) }
}

/** The pixels that the box touches; undefined if there are none in the picture. */
function cutInside(samples: Samples, [x, y, boxWidth, boxHeight]: Box): Part | undefined {
  const left = Math.max(0, Math.floor(x))
  const top = Math.max(0, Math.floor(y))
  const right = Math.min(samples.width, Math.ceil(x + boxWidth))
  const bottom = Math.min(samples.height, Math.ceil(y + boxHeight))
  if (!(right > left && bottom > top)) return undefined
  const inside = { left, top, width: right - left, height: bottom - top }
  return { samples: cutSamples(samples, inside), ...inside }
}
