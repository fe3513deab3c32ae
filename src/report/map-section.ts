import { type Html, html } from './html.ts'
import type { PageData } from './page-data.ts'
import type { Payload } from './payload.ts'
import { count, plural } from './words.ts'

/** The scatter of the embedding. */
export function mapSection(data: PageData, { categories }: Payload): Html {
  if (data.points.length === 0)
    return html`<section id="map">
      <h2>Map</h2>
      <p>No item has coordinates, so there is no map.</p>
    </section>`
  const buttons = categories.map(
    ({ name, colour, points }, i) =>
      html`<li>
        <button type="button" aria-pressed="true" data-category="${i}">
          <i class="c${colour}"></i><bdi>${name}</bdi> <small>${count(points)}</small>
        </button>
      </li>`,
  )
  return html`<section id="map" aria-labelledby="map-title">
    <h2 id="map-title">Map</h2>
    <p>
      ${mapText(data)}${data.picturesDropped > 0 && html` ${plural(data.picturesDropped, 'thumbnail')} left out to hold the page’s size, those of the sample first.`}
    </p>
    <div class="map">
      <div class="plot">
        <canvas
          tabindex="0"
          role="application"
          aria-label="Map of ${plural(data.points.length, 'item')} in two dimensions, coloured by label"
          aria-describedby="map-keys"
        ></canvas>
        <div class="ring hover" hidden></div>
        <div class="ring pinned" hidden></div>
        <div class="tip" hidden></div>
      </div>
      <aside aria-live="polite" aria-label="The pinned item">
        <p class="hint" id="map-keys">
          Point at an item to see it; click or tap to pin it here. With the keyboard: arrow keys
          move from item to item, Enter pins, Escape lets go, + and − magnify.
        </p>
        <div class="pinned-item"></div>
      </aside>
    </div>
    <div class="tools">
      <ul class="legend" aria-label="Labels shown on the map">
        ${buttons}
        <li><button type="button" data-all>All or none</button></li>
      </ul>
      <p class="zoom">
        <button type="button" data-zoom="1.5" aria-label="Magnify">+</button
        ><button type="button" data-zoom="0.6667" aria-label="Reduce">−</button
        ><button type="button" data-zoom="0">Whole</button>
      </p>
    </div>
  </section>`
}

function mapText({ points, required, placed }: PageData): string {
  const near = 'Items that the model finds alike lie close together.'
  if (points.length === placed) return `${near} All ${count(placed)} are shown.`
  const sampled = points.length - required
  const also = required > 0 ? ` and the ${count(required)} that this page shows elsewhere` : ''
  return `${near} This is a sample: ${count(sampled)} drawn at random${also}, of ${count(placed)} items. All are in items.parquet.`
}
