import { histogramChart } from './histogram-chart.ts'
import { type Html, html } from './html.ts'
import type { PageData } from './page-data.ts'
import type { PageMetric } from './statistics-selection.ts'
import { plural, valueText } from './words.ts'

/** How the statistics of the pictures are spread. */
export function statisticsSection({ metrics, outliers }: PageData): Html | false {
  if (metrics.length === 0) return false
  const flagged = new Map(outliers?.metrics.map(({ name, count }) => [name, count]))
  return html`<section id="statistics" aria-labelledby="statistics-title">
    <h2 id="statistics-title">Statistics</h2>
    <p>
      How many pictures have which value. Lines are the channels, red, green and blue. On
      logarithmic scales a single picture shows too; sizes, ratios and sharpness are then laid out
      by their logarithms.
    </p>
    <fieldset class="scale">
      <legend>Scales</legend>
      <label><input type="radio" name="scale" value="linear" checked /> linear</label>
      <label><input type="radio" name="scale" value="log" /> logarithmic</label>
    </fieldset>
    <ul class="metrics">
      ${metrics.map((metric) => html`<li>${metricCard(metric, flagged.get(metric.metric.name))}</li>`)}
    </ul>
  </section>`
}

function metricCard(
  { metric, count, least, most, ...histograms }: PageMetric,
  flagged: number | undefined,
): Html {
  const range = `${valueText(least)} to ${valueText(most)}`
  const link =
    flagged !== undefined &&
    html` · <a href="#flagged-${metric.name}">${plural(flagged, 'picture')} flagged</a>`
  return html`<h3><code>${metric.name}</code> <small>${metric.title}</small></h3>
    ${histogramChart(histograms, `${metric.title} of ${plural(count, 'picture')}, ${range}`)}
    <p><span>${valueText(least)}</span> <span>${valueText(most)}</span></p>
    <p class="flags">${plural(count, 'picture')}${link}</p>`
}
