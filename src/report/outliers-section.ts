import { metricOf } from '../statistics/metrics.ts'
import { type Html, html, readable } from './html.ts'
import { type Figures, itemFigure } from './item-figure.ts'
import type { FlaggedLabel, FlaggedMetric, PageOutlier, PageOutliers } from './outlier-selection.ts'
import type { PageData } from './page-data.ts'
import { nameLength } from './payload.ts'
import { count, plural } from './words.ts'

/** Pictures whose statistics are out of bounds: the farthest out, by metric, and by class. */
export function outliersSection(
  { outliers, pictures, summary }: PageData,
  indexOf: ReadonlyMap<string, number>,
): Html | false {
  if (!outliers) return false
  const figures = { pictures, indexOf }
  const share = summary.items > 0 ? (100 * outliers.flagged) / summary.items : 0
  return html`<section id="unusual" aria-labelledby="unusual-title">
    <h2 id="unusual-title">Unusual pictures</h2>
    <p>
      ${plural(outliers.flagged, 'picture')} (${share.toFixed(1)} %) with a statistic far from those
      of the others. Broken ones come first as a rule; not every unusual picture is wrong.
    </p>
    ${
      outliers.flagged > 0 &&
      html`<h3>Farthest out</h3>
        ${strip(outliers.outliers, figures)}
        <h3>By metric</h3>
        <div class="labels">${outliers.metrics.map((metric) => metricRow(metric, figures))}</div>`
    }
    ${classTable(outliers)}
  </section>`
}

function metricRow({ name, count: items, outliers }: FlaggedMetric, figures: Figures): Html {
  const hidden = items - outliers.length
  return html`<article class="metric" id="flagged-${name}">
    <h4>
      <code>${readable(name, nameLength)}</code> <small>${count(items)}</small>
      <small>${metricOf(name).title}</small>
    </h4>
    <div>
      ${strip(outliers, figures)}
      ${hidden > 0 && html`<p class="more">and ${count(hidden)} more in items.parquet</p>`}
    </div>
  </article>`
}

function strip(outliers: readonly PageOutlier[], figures: Figures): Html {
  return html`<ul class="strip">
    ${outliers.map(({ item, reasons }) => html`<li>${itemFigure(item, figures, reasonNotes(reasons))}</li>`)}
  </ul>`
}

/** Reasons shown of an item. */
const reasonsShown = 3

function reasonNotes(reasons: readonly string[]): Html {
  const shown = reasons.slice(0, reasonsShown).map((reason) => readable(reason, 120))
  const more = reasons.length - shown.length
  return html`<span class="notes">${shown.join('; ')}${more > 0 && `; ${count(more)} more`}</span>`
}

/** How many pictures of each label each metric flags. */
function classTable({ labels, metrics, otherLabels }: PageOutliers): Html | false {
  const labelled = labels.some(({ label }) => label !== null)
  if (!labelled || metrics.length === 0) return false
  const rows = labels.map((label) => classRow(label, metrics))
  return html`<h3>By class</h3>
    <p>
      How many pictures of each label each metric
      flags.${otherLabels > 0 && ` ${count(otherLabels)} more labels are in items.parquet.`}
    </p>
    <div class="wide-table">
      <table class="by-class">
        <thead>
          <tr>
            <th scope="col">Label</th>
            <th scope="col">Pictures</th>
            <th scope="col">Flagged</th>
            ${metrics.map(({ name }) => html`<th scope="col">${readable(name, nameLength)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`
}

function classRow(
  { label, items, flagged, byMetric }: FlaggedLabel,
  metrics: readonly FlaggedMetric[],
): Html {
  const name = label === null ? 'no label' : html`<bdi>${readable(label, nameLength)}</bdi>`
  return html`<tr>
    <th scope="row">${name}</th>
    <td data-name="pictures">${count(items)}</td>
    <td data-name="flagged">${count(flagged)}</td>
    ${metrics.map((metric) => {
      const flags = byMetric.get(metric.name) ?? 0
      return html`<td data-name="${metric.name}">${flags === 0 ? '–' : count(flags)}</td>`
    })}
  </tr>`
}
