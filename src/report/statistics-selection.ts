import type { RecordBatch, Vector } from 'apache-arrow'
import { GrowingHistogram, type Histogram } from '../statistics/growing-histogram.ts'
import { type Metric, metrics } from '../statistics/metrics.ts'
import { numberAt } from './read-rows.ts'

/** Bars of a histogram. */
const bars = 48
/** Channels that have histograms of their own: gray, or red, green and blue, and alpha. */
const channelsShown = 4

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
  readonly histogram: Histogram
  /** The same of each channel, where they were told apart; all in the same bins. */
  readonly channels: readonly Histogram[]
}

interface Counted {
  readonly all: GrowingHistogram
  readonly channels: GrowingHistogram[]
}

/** Counts the values of all metrics, for pictures and their channels. Holds 512 bins of each. */
export class StatisticsSelection {
  readonly #counted = new Map<string, Counted>()

  /** Takes rows of the items table. */
  add(batch: RecordBatch): void {
    for (const { name } of metrics) {
      const values = batch.getChild(name)
      if (!values) continue
      const counted = this.#of(name)
      const channels = batch.getChild(`channel_${name}`)
      for (let row = 0; row < batch.numRows; row++) {
        counted.all.add(numberAt(values, row) ?? NaN)
        if (channels) addChannels(counted.channels, channels, row)
      }
    }
  }

  /** What was counted, in the order of the metrics; those without a value are left out. */
  finish(): PageMetric[] {
    return metrics.flatMap((metric) => {
      const { all, channels } = this.#of(metric.name)
      const histogram = all.histogram(bars)
      if (!histogram) return []
      const { count, least, most } = all
      const each = channels.flatMap((channel) => channel.histogram(bars) ?? [])
      return [{ metric, count, least, most, histogram, channels: each }]
    })
  }

  #of(name: string): Counted {
    const there = this.#counted.get(name)
    if (there) return there
    const counted = { all: new GrowingHistogram(), channels: [] }
    this.#counted.set(name, counted)
    return counted
  }
}

function addChannels(channels: GrowingHistogram[], column: Vector, row: number): void {
  const values = column.get(row) as Iterable<number> | null
  if (values === null) return
  let channel = 0
  for (const value of values) {
    if (channel === channelsShown) return
    const histogram = (channels[channel] ??= new GrowingHistogram())
    histogram.add(value)
    channel++
  }
}
