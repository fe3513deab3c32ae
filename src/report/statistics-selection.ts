import type { RecordBatch, Vector } from 'apache-arrow'
import { GrowingHistogram, type Histogram } from '../statistics/growing-histogram.ts'
import { type Metric, metrics } from '../statistics/metrics.ts'
import { numberAt } from './cells.ts'

/** Bars of a histogram. */
const bars = 48
/** Channels that have histograms of their own: gray, or red, green and blue, and alpha. */
const channelsShown = 4

/** The counts of values: all, and those of each channel, where they were told apart. */
export interface PageHistograms {
  /** Of all. */
  readonly all: Histogram
  /** Of red, green and blue, or of gray alone. */
  readonly channels: readonly Histogram[]
}

/** How the values of a metric are spread. */
export interface PageMetric {
  /** The metric. */
  readonly metric: Metric
  /** How many items have a value. */
  readonly count: number
  /** The least value. */
  readonly least: number
  /** The greatest value. */
  readonly most: number
  /** How many items have each value. */
  readonly values: PageHistograms
  /** The same of logarithms to base 10, of a metric whose ratios count; what is not above 0 has none. */
  readonly logarithms: PageHistograms | undefined
}

/** Counts the values of all metrics, for pictures and their channels. Holds 512 bins of each, and of its logarithms. */
export class StatisticsSelection {
  readonly #counted = new Map<string, Counted>()

  /** Takes rows of the items table. */
  add(batch: RecordBatch): void {
    for (const metric of metrics) {
      const values = batch.getChild(metric.name)
      if (!values) continue
      const counted = this.#of(metric)
      const channels = batch.getChild(`channel_${metric.name}`)
      for (let row = 0; row < batch.numRows; row++)
        counted.add(numberAt(values, row) ?? NaN, channels ? listAt(channels, row) : [])
    }
  }

  /** What was counted, in the order of the metrics; those without a value are left out. */
  finish(): PageMetric[] {
    return metrics.flatMap((metric) => {
      const found = this.#of(metric).finish()
      return found ? [{ metric, ...found }] : []
    })
  }

  #of(metric: Metric): Counted {
    const counted = this.#counted.get(metric.name) ?? new Counted(metric.scale === 'log')
    this.#counted.set(metric.name, counted)
    return counted
  }
}

/** The values of a metric. */
class Counted {
  readonly #values = new Counts()
  readonly #logarithms: Counts | undefined

  constructor(byLog: boolean) {
    this.#logarithms = byLog ? new Counts() : undefined
  }

  add(value: number, channels: Iterable<number>): void {
    this.#values.add(value, channels)
    this.#logarithms?.add(Math.log10(value), Array.from(channels, Math.log10))
  }

  finish(): Omit<PageMetric, 'metric'> | undefined {
    const values = this.#values.finish()
    const { count, least, most } = this.#values.all
    return values && { count, least, most, values, logarithms: this.#logarithms?.finish() }
  }
}

class Counts {
  readonly all = new GrowingHistogram()
  readonly #channels: GrowingHistogram[] = []

  add(value: number, channels: Iterable<number>): void {
    this.all.add(value)
    let channel = 0
    for (const each of channels) {
      if (channel === channelsShown) return
      const counts = (this.#channels[channel] ??= new GrowingHistogram())
      counts.add(each)
      channel++
    }
  }

  finish(): PageHistograms | undefined {
    const all = this.all.histogram(bars)
    return all && { all, channels: this.#channels.flatMap((each) => each.histogram(bars) ?? []) }
  }
}

function listAt(column: Vector, row: number): Iterable<number> {
  return (column.get(row) as Iterable<number> | null) ?? []
}
