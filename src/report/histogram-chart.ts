import type { Histogram } from '../statistics/growing-histogram.ts'
import { type Html, html } from './html.ts'
import type { PageHistograms, PageMetric } from './statistics-selection.ts'

const width = 240
const height = 72

/** Classes of the lines of channels, in their order: gray alone, or red, green, blue, alpha. */
const lineNames = ['red', 'green', 'blue', 'alpha'] as const

interface Span {
  readonly from: number
  readonly to: number
}

/** The range of all of them. */
function spanOf({ all, channels }: PageHistograms): Span {
  const histograms = [all, ...channels]
  const ends = histograms.map(({ from, width: bin, counts }) => from + bin * counts.length)
  return {
    from: histograms.reduce((least, { from }) => Math.min(least, from), Infinity),
    to: ends.reduce((most, to) => Math.max(most, to), -Infinity),
  }
}

/**
 * Draws a histogram, with a line for each channel over it, twice: on linear scales, and on logarithmic ones. A style sheet
 * shows one of the two.
 */
export function histogramChart(
  { values, logarithms = values }: Pick<PageMetric, 'values' | 'logarithms'>,
  label: string,
): Html {
  return html`<svg
    class="histogram"
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    <g class="linear">${drawing(values, (count) => count)}</g>
    <g class="log">${drawing(logarithms, logarithm)}</g>
  </svg>`
}

function drawing(histograms: PageHistograms, heightOf: (count: number) => number): Html {
  const { all, channels } = histograms
  const span = spanOf(histograms)
  const colours = channels.length === 1 ? ['gray'] : lineNames
  const lines = channels.map(
    (channel, i) =>
      html`<path class="${colours[i] ?? 'gray'}" d="${outline(channel, span, heightOf)}" />`,
  )
  return html`<path class="bars" d="${outline(all, span, heightOf)}Z" />${lines}`
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
