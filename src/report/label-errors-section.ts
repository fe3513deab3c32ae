import { type Html, html, readable } from './html.ts'
import { itemFigure } from './item-figure.ts'
import type { PageLabelError } from './label-error-selection.ts'
import type { PageData } from './page-data.ts'
import { nameLength } from './payload.ts'
import { count, plural } from './words.ts'

/** The items whose labels are likeliest wrong. */
export function labelErrorsSection(
  { labelErrors, pictures }: PageData,
  indexOf: ReadonlyMap<string, number>,
): Html | false {
  if (!labelErrors) return false
  const { count: suspected, weak, errors } = labelErrors
  const figures = { pictures, indexOf }
  const hidden = suspected - errors.length
  return html`<section id="label-errors" aria-labelledby="label-errors-title">
    <h2 id="label-errors-title">Doubtful labels</h2>
    <p>
      ${plural(suspected, 'item')} whose neighbours have another label, the most doubtful first.
      Look at each before you relabel it: a rare item of its class is doubtful
      too.${weak > 0 && ` ${plural(weak, 'item')} more, whose neighbours do not agree on one label, are in items.parquet.`}
    </p>
    ${errors.length === 0 && html`<p class="none">No label is in doubt.</p>`}
    <ul class="strip">
      ${errors.map((error) => html`<li>${itemFigure(error.item, figures, suggestion(error))}</li>`)}
      ${hidden > 0 && html`<li class="more">and ${count(hidden)} more in items.parquet</li>`}
    </ul>
  </section>`
}

function suggestion({ item, suggested, error }: PageLabelError): Html {
  return html`<span class="notes">
    <bdi>${readable(item.label ?? 'no label', nameLength)}</bdi> →
    <b><bdi>${readable(suggested, nameLength)}</bdi></b>
    <span>${error.toFixed(2)}</span>
  </span>`
}
