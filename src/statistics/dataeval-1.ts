import { zerosIn } from '../kernels/distribution.ts'
import { contains } from '../kernels/cut.ts'
import { cutPadded, cutSamples } from '../kernels/cut-samples.ts'
import type { Samples } from '../kernels/samples.ts'
import { clipped, quartiles } from './dataeval-065.ts'
import { contrastOf } from './dataeval-073.ts'
import { guessedScale } from './guessed-scale.ts'
import type { Measures, Part } from './measures.ts'
import { channels, height, left, orZero, top, width } from './places.ts'
import {
  type Box,
  ofSamples,
  pixelsAround,
  type Profile,
  several,
  type Statistic,
  wholeNumber,
} from './profile.ts'

/** What keeps its divisions from those by 0. */
const epsilon = 1e-12

/**
 * The statistics of DataEval 1 with `normalize_pixel_values`, before it rounds them to 32 bits. Where a box reaches
 * beyond the picture its samples are missing.
 *
 * @see https://github.com/dataeval/dataeval
 */
export const dataeval1: Profile = {
  statistics: {
    mean: byPicture(({ moments }) => moments.mean),
    std: byPicture(({ moments }) => Math.sqrt(moments.variance)),
    var: byPicture(({ moments }) => moments.variance),
    skew: byPicture(({ moments }) => orZero(moments.skew)),
    kurtosis: byPicture(({ moments }) => orZero(moments.kurtosis)),
    entropy: byPicture(({ entropy }) => entropy),
    missing: byPicture(({ stored, size }) => stored.missing / size),
    zeros: byPicture(({ stored, size }) => zerosIn(stored) / size),
    histogram: several(256, true, ({ bins }) => bins),
    brightness: byPicture((measures) => measures.quantile(0.25)),
    contrast: byPicture((measures) => contrastOf(measures, epsilon)),
    darkness: byPicture((measures) => measures.quantile(0.75)),
    sharpness: byPicture((measures) => {
      const { count, std } = measures.edges(clipped)
      return count === 0 ? NaN : std
    }),
    percentiles: several(5, false, (measures) => measures.quantiles(quartiles)),
    offset_x: { ...place(left), ratio: (box, picture) => left(box) / (width(picture) + epsilon) },
    offset_y: { ...place(top), ratio: (box, picture) => top(box) / (height(picture) + epsilon) },
    width: place(width),
    height: place(height),
    channels: { ...wholeNumber(channels), ratio: channels },
    size: place((measures) => width(measures) * height(measures)),
    aspect_ratio: { ...place(wideness), ratio: wideness },
    depth: { ...wholeNumber(depth), ratio: depth },
    center: { whole: false, perChannel: false, length: 2, of: centre },
    distance_center: {
      ...place(toCentre),
      ratio: (box, picture) =>
        toCentre(box) / (Math.hypot(width(picture), height(picture)) / 2 + epsilon),
    },
    distance_edge: { ...place(toEdge), ratio: toEdgeBySide },
    invalid_box: wholeNumber(invalid),
  },
  view: ({ channels }) => ({
    colours: channels,
    scaleOf: (_samples, distribution) => guessedScale(distribution(), true, 1),
  }),
  cut: cutOrMissing,
}

/** A statistic of the samples, that of a box by that of its picture. */
function byPicture(of: (measures: Measures) => number): Statistic {
  return {
    ...ofSamples(of),
    ratio: (box, picture) => of(box) / (of(picture) + epsilon),
  }
}

function place(of: (measures: Measures) => number): Statistic {
  return { ...byPicture(of), perChannel: false }
}

/** That of the whole picture, also for a box. */
function depth({ picture }: Measures): number {
  return picture.whole.scale.depth
}

/** 0 of a square, above 0 of what is wide, below of what is tall. */
function wideness(measures: Measures): number {
  const [across, down] = [width(measures), height(measures)]
  return down > across ? across / down - 1 : 1 - down / across
}

function centre(measures: Measures): readonly [x: number, y: number] {
  return [left(measures) + width(measures) / 2, top(measures) + height(measures) / 2]
}

/** From the middle of the picture to that of the box. */
function toCentre(measures: Measures): number {
  const [x, y] = centre(measures)
  const { samples } = measures.picture.whole
  return Math.hypot(x - samples.width / 2, y - samples.height / 2)
}

/** From the sides of the picture, across and down, to the nearest of the box. */
function toEdges(measures: Measures): readonly [across: number, down: number] {
  const { samples } = measures.picture.whole
  const [right, bottom] = [left(measures) + width(measures), top(measures) + height(measures)]
  return [
    Math.min(Math.abs(left(measures)), Math.abs(right - samples.width)),
    Math.min(Math.abs(top(measures)), Math.abs(bottom - samples.height)),
  ]
}

function toEdge(measures: Measures): number {
  return Math.min(...toEdges(measures))
}

/** By the side of the picture that the distance is along. */
function toEdgeBySide(box: Measures, picture: Measures): number {
  const [across, down] = toEdges(box)
  return toEdge(box) / ((across < down ? width(picture) : height(picture)) + epsilon)
}

/** 1 where the box reaches beyond the picture. */
function invalid({ picture: { part, whole } }: Measures): number {
  return contains(whole.samples, part) ? 0 : 1
}

/** The box as it is given, with the samples of the pixels that it touches. */
function cutOrMissing(samples: Samples, box: Box): Part | undefined {
  const around = pixelsAround(samples, box)
  if (!around) return undefined
  const [x, y, boxWidth, boxHeight] = box
  const cut = contains(samples, around) ? cutSamples(samples, around) : cutPadded(samples, around)
  return { samples: cut, left: x, top: y, width: boxWidth, height: boxHeight }
}
