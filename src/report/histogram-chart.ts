import type { Histogram } from '../statistics/growing-histogram.ts'
import { type Html, html } from './html.ts'

const width = 240
const height = 72

/** Classes of the lines of channels, in their order: gray alone, or red, green, blue, alpha. */
const lineNames = ['red', 'green', 'blue', 'alpha'] as const

/** A range of values that histograms are drawn over. */
export interface Span {
  /** Where it begins. */
  readonly from: number
  /** Where it ends. */
  readonly to: number
}

/** The range of all of `histograms`. */
export function spanOf(histograms: readonly Histogram[]): Span {
  const ends = histograms.map(({ from, width: bin, counts }) => from + bin * counts.length)
  return {
    from: histograms.reduce((least, { from }) => Math.min(least, from), Infinity),
    to: ends.reduce((most, to) => Math.max(most, to), -Infinity),
  }
}

/**
 * Draws a histogram, and lines of the same for each channel over it. The bars are as high as their counts, or as the
 * logarithms of these: a style sheet shows one of the two.
 */
export function histogramChart(
  histogram: Histogram,
  channels: readonly Histogram[],
  label: string,
): Html {
  const span = spanOf([histogram, ...channels])
  const colours = channels.length === 1 ? ['gray'] : lineNames
  function drawing(scale: 'linear' | 'log'): Html {
    const heightOf = scale === 'log' ? logarithm : (count: number) => count
    const lines = channels.map(
      (channel, i) =>
        html`<path class="${colours[i] ?? 'gray'}" d="${outline(channel, span, heightOf)}" />`,
    )
    return html`<g class="${scale}">
      <path class="bars" d="${outline(histogram, span, heightOf)}Z" />
      ${lines}
    </g>`
  }
  return html`<svg
    class="histogram"
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    ${drawing('linear')} ${drawing('log')}
  </svg>`
}

/** One item shows as a bar too. */
function logarithm(count: number): number {
  return Math.log1p(count)
}

/** The steps of a histogram from the ground up and down again. */
function outline(
  { from, width: bin, counts }: Histogram,
  span: Span,
  heightOf: (count: number) => number,
): string {
  const most = counts.reduce((top, count) => Math.max(top, heightOf(count)), 0)
  const scale = width / (span.to - span.from)
  function x(i: number): string {
    return ((from + i * bin - span.from) * scale).toFixed(1)
  }
  function y(count: number): string {
    return (height - (heightOf(count) / most) * (height - 2)).toFixed(1)
  }
  const steps = counts.map((count, i) => `V${y(count)}H${x(i + 1)}`)
  return `M${x(0)} ${String(height)}${steps.join('')}V${String(height)}`
}
