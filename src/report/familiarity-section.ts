import { readable, type Html, html } from './html.ts'
import { type Figures, itemFigure } from './item-figure.ts'
import type { LabelFamiliarity, PageData, PageItem } from './page-data.ts'
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
    ${strip(data.most, figures)} ${labelList(data, figures)}
  </section>`
}

function labelList({ labels, otherLabelled }: PageData, figures: Figures): Html | false {
  if (labels.length === 0) return false
  const rest =
    otherLabelled > 0 &&
    ` The ${plural(otherLabelled, 'item')} of other labels are in items.parquet.`
  return html`<h3>Within each label</h3>
    <p>By the same overall score, largest labels first.${rest}</p>
    <div class="labels">${labels.map((label) => labelRow(label, figures))}</div>`
}

function labelRow({ label, count: items, least, most }: LabelFamiliarity, figures: Figures): Html {
  return html`<article>
    <h4><bdi>${readable(label, nameLength)}</bdi> <small>${count(items)}</small></h4>
    <div>
      <h5>least</h5>
      ${strip(least, figures)}
    </div>
    <div>
      <h5>most</h5>
      ${strip(most, figures)}
    </div>
  </article>`
}

function strip(items: readonly PageItem[], figures: Figures): Html {
  if (items.length === 0) return html`<p class="none">–</p>`
  return html`<ul class="strip">
    ${items.map((item) => html`<li>${itemFigure(item, figures, scoreNote(item))}</li>`)}
  </ul>`
}

function scoreNote({ familiarity, percentile }: PageItem): Html | false {
  if (familiarity === null) return false
  return html`<span class="notes"
    >${scoreText(familiarity)}${percentile !== null && html` <span class="standing">${standing(percentile)}</span>`}</span
  >`
}
