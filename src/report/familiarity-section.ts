import { readable, type Html, html } from './html.ts'
import { type Figures, itemFigure } from './item-figure.ts'
import type { LabelFamiliarity, PageData, PageSummary } from './page-data.ts'
import type { PageItem } from './page-item.ts'
import { nameLength, standing } from './payload.ts'
import { count, plural, scoreText } from './words.ts'

/** The least and most familiar items, overall and within each label. */
export function familiaritySection(data: PageData, indexOf: ReadonlyMap<string, number>): Html {
  const figures = { pictures: data.pictures, indexOf }
  if (data.least.length === 0)
    return html`<section id="familiarity">
      <h2>Familiarity</h2>
      <p class="none">No item has a familiarity score.</p>
    </section>`
  return html`<section id="familiarity" aria-labelledby="familiarity-title">
    <h2 id="familiarity-title">Familiarity</h2>
    <p>
      How much an item is like the rest of this set, as the log density under the fitted mixture:
      higher is more familiar. The least familiar are rare, broken or misplaced; look at them first.
      The most familiar are what the set has plenty of.
    </p>
    <h3>Least familiar</h3>
    ${strip(data.least, figures)}
    <h3>Most familiar</h3>
    ${strip(data.most, figures)} ${labelList(data, figures)} ${gapTable(data.summary.splitGaps)}
  </section>`
}

/** Most pairs of splits that are shown; all are in `summary.json`. */
const gapsShown = 30

/** How each split compares with the others. */
function gapTable(gaps: PageSummary['splitGaps']): Html | false {
  if (!gaps || gaps.length === 0) return false
  const rows = gaps.slice(0, gapsShown).map(
    ({ fit, other, percentileRatio, standardError, band, logDensityRatio }) =>
      html`<tr>
        <th scope="row">
          <bdi>${readable(other, nameLength)}</bdi> beside <bdi>${readable(fit, nameLength)}</bdi>
        </th>
        <td>${band}</td>
        <td>${percentileRatio.toFixed(2)} ± ${standardError.toFixed(2)}</td>
        <td>${logDensityRatio === null ? 'signs differ' : logDensityRatio.toFixed(2)}</td>
      </tr>`,
  )
  const hidden = gaps.length - rows.length
  return html`<h3>Between splits</h3>
    <p>
      How familiar the items of one split are to the density of another: 1 where they are alike,
      less where the other split does not know
      them.${hidden > 0 && ` ${count(hidden)} more pairs are in summary.json.`}
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col">Split</th>
          <th scope="col">Gap</th>
          <th scope="col">By percentile</th>
          <th scope="col">By log density</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`
}

function labelList({ labels, otherLabelled }: PageData, figures: Figures): Html | false {
  if (labels.length === 0) return false
  const rest =
    otherLabelled > 0 &&
    ` The ${plural(otherLabelled, 'item')} of other labels are in items.parquet.`
  return html`<h3>Within each label</h3>
    <p>
      Among the items of the label where it has enough of them, else by the overall score; largest
      labels first.${rest}
    </p>
    <div class="labels">${labels.map((label) => labelRow(label, figures))}</div>`
}

function labelRow({ label, count: items, least, most }: LabelFamiliarity, figures: Figures): Html {
  return html`<article>
    <h4><bdi>${readable(label, nameLength)}</bdi> <small>${count(items)}</small></h4>
    <div>
      <h5>least</h5>
      ${strip(least, figures, withinLabel)}
    </div>
    <div>
      <h5>most</h5>
      ${strip(most, figures, withinLabel)}
    </div>
  </article>`
}

function strip(
  items: readonly PageItem[],
  figures: Figures,
  scored: (item: PageItem) => PageItem = (item) => item,
): Html {
  if (items.length === 0) return html`<p class="none">–</p>`
  return html`<ul class="strip">
    ${items.map((item) => html`<li>${itemFigure(item, figures, scoreNote(scored(item)))}</li>`)}
  </ul>`
}

/** The item with its scores among those of its label, where it has them. */
function withinLabel(item: PageItem): PageItem {
  const { labelFamiliarity, labelPercentile } = item
  if (labelFamiliarity === null) return item
  return { ...item, familiarity: labelFamiliarity, percentile: labelPercentile }
}

function scoreNote({ familiarity, percentile }: PageItem): Html | false {
  if (familiarity === null) return false
  return html`<span class="notes"
    >${scoreText(familiarity)}${percentile !== null && html` <span class="standing">${standing(percentile)}</span>`}</span
  >`
}
