import {
  type Distribution,
  entropyOf,
  histogramOf,
  type Moments,
  momentsOf,
  ofCounts,
  ofSamples,
  quantilesOf,
  scaled,
} from '../kernels/distribution.ts'
import { type ChannelRange, type EdgeMoments, edgeMoments } from '../kernels/edge-moments.ts'
import { levelCounts, type LevelSamples } from '../kernels/level-counts.ts'
import type { Samples } from '../kernels/samples.ts'

/** What samples are measured against. */
export interface Scale {
  /** Bits of a sample. */
  readonly depth: number
  /** The sample that counts as 0. */
  readonly low: number
  /** How far above it the one is that counts as 1. */
  readonly range: number
}

/** A part of a picture: its samples, and the box that it was cut at, which may reach beyond. */
export interface Part {
  /** Its samples. */
  readonly samples: Samples
  /** Columns to the left of the box. */
  readonly left: number
  /** Rows above the box. */
  readonly top: number
  /** Columns of the box. */
  readonly width: number
  /** Rows of the box. */
  readonly height: number
}

/** How a profile looks at samples. */
export interface View {
  /** Channels that carry colour, the first ones; the others are not measured. */
  readonly colours: number
  /** What the samples are measured against, by their type or by the `distribution` of all that are measured. */
  readonly scaleOf: (samples: Samples, distribution: () => Distribution) => Scale
}

/** A picture, or a part of one, that is measured as a whole and by channels. What one statistic counts others use. */
export class MeasuredPicture {
  /** Its samples, and where it is. */
  readonly part: Part
  /** The picture that it is a part of, or it is itself. */
  readonly whole: MeasuredPicture
  /** All channels that are measured. */
  readonly all: Measures
  readonly #view: View
  #scale: Scale | undefined
  #counts: readonly Uint32Array[] | undefined

  constructor(samples: Samples, view: View, part?: Part, whole?: MeasuredPicture) {
    const { width, height } = samples
    this.part = part ?? { samples, left: 0, top: 0, width, height }
    this.whole = whole ?? this
    this.#view = view
    this.all = new Measures(this, { from: 0, to: view.colours })
  }

  /** A part of this picture. */
  cut(part: Part): MeasuredPicture {
    return new MeasuredPicture(part.samples, this.#view, part, this)
  }

  /** The samples, of all channels. */
  get samples(): Samples {
    return this.part.samples
  }

  /** The same for all channels, and for each. */
  get scale(): Scale {
    return (this.#scale ??= this.#view.scaleOf(this.samples, () => this.all.stored))
  }

  /** Each channel by itself. */
  get channels(): readonly Measures[] {
    return Array.from(
      { length: this.#view.colours },
      (_, from) => new Measures(this, { from, to: from + 1 }),
    )
  }

  /** The samples of some channels as they are stored. */
  distribution(range: ChannelRange): Distribution {
    const { data, channels } = this.samples
    if (data instanceof Float32Array || data instanceof Float64Array)
      return ofSamples(data, channels, range)
    this.#counts ??= levelCounts(this.samples as LevelSamples)
    return ofCounts(this.#counts.slice(range.from, range.to))
  }
}

/** What statistics are made of, each counted when it is first asked for. */
export class Measures {
  readonly picture: MeasuredPicture
  readonly range: ChannelRange
  #stored: Distribution | undefined
  #scaled: Distribution | undefined
  #moments: Moments | undefined
  #bins: Int32Array | undefined

  constructor(picture: MeasuredPicture, range: ChannelRange) {
    this.picture = picture
    this.range = range
  }

  /** Pixels. */
  get pixels(): number {
    return this.picture.samples.width * this.picture.samples.height
  }

  /** Samples, of those channels that are measured. */
  get size(): number {
    return this.pixels * (this.range.to - this.range.from)
  }

  /** The samples as they are stored. */
  get stored(): Distribution {
    return (this.#stored ??= this.picture.distribution(this.range))
  }

  /** The samples on the picture's scale. */
  get scaled(): Distribution {
    const { low, range } = this.picture.scale
    return (this.#scaled ??= scaled(this.stored, low, range))
  }

  /** Moments of the samples on the picture's scale. */
  get moments(): Moments {
    return (this.#moments ??= momentsOf(this.scaled))
  }

  /** Samples on the picture's scale in 256 bins. */
  get bins(): Int32Array {
    return (this.#bins ??= histogramOf(this.scaled))
  }

  /** Entropy of the bins, in nats. */
  get entropy(): number {
    return entropyOf(this.bins)
  }

  /** A quantile of the samples on the picture's scale. */
  quantile(share: number): number {
    return quantilesOf(this.scaled, [share])[0] ?? NaN
  }

  /** Quantiles of the samples on the picture's scale. */
  quantiles(shares: readonly number[]): Float64Array {
    return quantilesOf(this.scaled, shares)
  }

  /** The answers of the edge filter to the samples as they are stored. */
  edges(clip?: readonly [low: number, high: number]): EdgeMoments {
    return edgeMoments(this.picture.samples, this.range, clip)
  }
}
