import { readable, type Html, html } from './html.ts'
import { type Figures, itemFigure } from './item-figure.ts'
import type { PageData, PageGroup, PageGroups, PageMember } from './page-data.ts'
import type { PageItem } from './page-item.ts'
import { groupAnchor, nameLength, pixelsOf } from './payload.ts'
import { count, plural } from './words.ts'

/** Duplicate groups, exact then near, leaks first. */
export function duplicatesSection(data: PageData, indexOf: ReadonlyMap<string, number>): Html {
  const figures = { pictures: data.pictures, indexOf }
  return html`<section id="duplicates" aria-labelledby="duplicates-title">
    <h2 id="duplicates-title">Duplicates</h2>
    <p>
      Leaks come first, then the largest groups. The member to keep has the most pixels, then the
      most bytes. Measured against it: the distance of the embeddings (1 − cosine, unless set
      otherwise), and how many of the 64 bits of the perceptual hash differ.
    </p>
    <h3 id="exact">Exact: equal bytes</h3>
    ${groupList(data.exact, figures, 'No two files are equal.')}
    <h3 id="near">Near: they look alike</h3>
    ${groupList(data.near, figures, 'No pictures look alike.')}
  </section>`
}

function groupList(of: PageGroups, figures: Figures, none: string): Html {
  if (of.total === 0) return html`<p class="none">${none}</p>`
  const { groups, total, leaks, onlyExact } = of
  const hidden = total - onlyExact - groups.length
  const notes = [
    `${plural(total, 'group')}, ${leaks === 0 ? 'none' : count(leaks)} across splits.`,
    onlyExact > 0 && `${count(onlyExact)} of them hold only exact copies and are shown above.`,
    hidden > 0 && `${count(hidden)} more are in groups.parquet.`,
  ]
  return html`<p>${notes.filter((note) => note !== false).join(' ')}</p>
    <div class="groups">${groups.map((group) => groupCard(group, figures))}</div>`
}

function groupCard(group: PageGroup, figures: Figures): Html {
  const { kind, size, splits, members } = group
  const leak = splits.length > 1
  const names = splits.slice(0, 6).map((split) => readable(split, nameLength))
  const more = splits.length > names.length ? ' and more' : ''
  const hidden = size - members.length
  return html`<article
    class="group ${leak && 'leak'} ${widthOf(members.length)}"
    id="${groupAnchor(group)}"
  >
    <h4>
      ${kind === 'exact' ? 'Exact' : 'Near'} ${group.group}
      <small>${plural(size, 'item')}</small
      >${leak && html` <span class="mark alarm">leak: <bdi>${names.join(' + ')}</bdi>${more}</span>`}
    </h4>
    <ul class="strip">
      ${members.map((m) => memberItem(m, kind === 'near', leak, figures))}${hidden > 0 && html`<li class="more">and ${count(hidden)} more in groups.parquet</li>`}
    </ul>
  </article>`
}

function memberItem(member: PageMember, near: boolean, leak: boolean, figures: Figures): Html {
  const { item, keep } = member
  const split =
    leak && item.split !== null && html`<b><bdi>${readable(item.split, nameLength)}</bdi></b>`
  const marks = keep ? [html`<span class="mark keep">keep</span>`] : distances(member, near)
  const parts = [...marks, split, sizeOf(item)].filter((part) => part !== false)
  const notes = html`<span class="notes">${parts.map((part) => html`${part} `)}</span>`
  return html`<li${keep && html` class="keep"`}>${itemFigure(item, figures, notes)}</li>`
}

function distances({ by, embeddingDistance, hashDistance }: PageMember, near: boolean): Html[] {
  if (!near) return [html`<span>copy</span>`]
  if (by === 'hash') return [html`<span>exact copy</span>`]
  const embedding = embeddingDistance !== null && `distance ${embeddingDistance.toFixed(3)}`
  const hash = hashDistance !== null && plural(hashDistance, 'bit')
  return [embedding, hash]
    .filter((part) => part !== false)
    .map((part) => html`<span>${part}</span>`)
}

function sizeOf(item: PageItem): Html | false {
  const pixels = pixelsOf(item)
  return pixels !== null && html`<span>${pixels}</span>`
}

function widthOf(members: number): string | false {
  if (members > 5) return 'wider'
  return members > 2 && 'wide'
}
