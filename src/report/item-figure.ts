import { readable, type Html, html, type HtmlValue } from './html.ts'
import type { PageItem } from './page-item.ts'
import { idLength } from './payload.ts'

/** What the figures of a page share: the pictures there are, and each item's index in the payload. */
export interface Figures {
  /** Thumbnails, by id. */
  readonly pictures: ReadonlyMap<string, Uint8Array>
  /** Index of an item in the payload, by id. */
  readonly indexOf: ReadonlyMap<string, number>
}

/** An item's thumbnail and id, with `notes` below. The page's script fills the picture in. */
export function itemFigure({ id }: PageItem, figures: Figures, notes: HtmlValue): Html {
  const picture = figures.pictures.has(id)
    ? html`<img
        data-item="${figures.indexOf.get(id)}"
        alt="thumbnail"
        decoding="async"
        width="96"
        height="96"
      />`
    : html`<span class="no-picture">no picture</span>`
  return html`<figure>
    ${picture}
    <figcaption>${idText(id)}${notes}</figcaption>
  </figure>`
}

/** An id with its folder less prominent than its name. */
export function idText(id: string): Html {
  const shown = readable(id, idLength)
  const cut = shown.lastIndexOf('/') + 1
  return html`<bdi class="id" title="${shown}"
    ><span class="folder">${shown.slice(0, cut)}</span
    ><span class="name">${shown.slice(cut)}</span></bdi
  >`
}
