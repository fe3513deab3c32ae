import { type Html, html } from './html.ts'
import { type PageData, type PageSummary, shows } from './page-data.ts'
import { count, plural, seconds } from './words.ts'

/** The head of the page: what was read, and the counts, each with what to do about it. */
export function overview(data: PageData, names: readonly string[]): Html {
  const { summary } = data
  const total = summary.timings['total']
  const took = total === undefined ? '' : ` in ${seconds(total)},`
  return html`<header>
    <p class="brand">
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
        <path
          d="M2 7c4-4 6 4 10 0s6 4 10 0M2 13c4-4 6 4 10 0s6 4 10 0M2 19c4-4 6 4 10 0s6 4 10 0"
        />
      </svg>
      Millrace report
    </p>
    <h1>${names.map((name, i) => html`${i > 0 && ', '}<bdi>${name}</bdi>`)}</h1>
    <p class="lead">
      ${plural(summary.items, 'item')} read${took}
      <time datetime="${summary.startedAt}">${dateOf(summary.startedAt)}</time>
    </p>
    <nav aria-label="Sections">
      ${sectionsOf(data).map(([id, title]) => html`<a href="#${id}">${title}</a> `)}
    </nav>
    <noscript><p class="lead">What is drawn on this page needs its script.</p></noscript>
    <ul class="counts">
      ${itemTiles(data)} ${shows(data, 'duplicates') && groupTiles(data)} ${doubtTiles(data)}
    </ul>
  </header>`
}

/** The sections that the page has: their ids and titles. */
function sectionsOf(data: PageData): (readonly [id: string, title: string])[] {
  const { outliers, labelErrors, clusters, metrics } = data
  const sections = [
    ['map', 'Map', shows(data, 'map')],
    ['duplicates', 'Duplicates', shows(data, 'duplicates')],
    ['unusual', 'Unusual pictures', outliers !== undefined],
    ['label-errors', 'Doubtful labels', labelErrors !== undefined],
    ['familiarity', 'Familiarity', shows(data, 'familiarity')],
    ['clusters', 'Clusters', clusters !== undefined],
    ['statistics', 'Statistics', metrics.length > 0],
    ['rejects', 'Rejects', true],
    ['made', 'How it was made', true],
  ] as const
  return sections.filter(([, , there]) => there).map(([id, title]) => [id, title])
}

function itemTiles(data: PageData): Html[] {
  const { items, rejects, ignored } = data.summary
  return [
    tile(
      shows(data, 'map') ? '#map' : '#made',
      items,
      ['item', 'items'],
      'Read and described, one row each in items.parquet.',
    ),
    tile(
      '#rejects',
      rejects,
      ['reject', 'rejects'],
      rejects > 0
        ? 'Could not be read. Look at the reasons; repair or remove them.'
        : 'Everything could be read. Nothing to do.',
    ),
    tile(
      '#made',
      ignored,
      ['ignored', 'ignored'],
      ignored > 0
        ? 'Files that are no pictures. Nothing to do, unless some should be.'
        : 'Every file is a picture. Nothing to do.',
    ),
  ]
}

function groupTiles({ summary, exact }: PageData): Html[] {
  const { exactGroups = 0, nearGroups = 0, leaks = { exact: 0, near: 0 } } = summary
  const copies = plural(exact.members - exact.total, 'copy', 'copies')
  return [
    tile(
      '#exact',
      exactGroups,
      ['exact group', 'exact groups'],
      exactGroups > 0
        ? `Files with equal bytes. Keep the marked one of each; ${copies} can go.`
        : 'No two files are equal. Nothing to do.',
    ),
    tile(
      '#near',
      nearGroups,
      ['near group', 'near groups'],
      nearGroups > 0
        ? 'Pictures that look alike. Look at each; keep one where they show the same.'
        : 'No pictures look alike. Nothing to do.',
    ),
    leaks.exact + leaks.near > 0
      ? leakTile(leaks)
      : tile('#duplicates', 0, ['leak', 'leaks'], 'No group spans several splits. Nothing to do.'),
  ]
}

/** What is to be looked at picture by picture. */
function doubtTiles({ outliers, labelErrors, clusters }: PageData): (Html | false)[] {
  return [
    outliers !== undefined &&
      tile(
        '#unusual',
        outliers.flagged,
        ['unusual picture', 'unusual pictures'],
        outliers.flagged > 0
          ? 'Much darker, blurrier, smaller … than the others. Look at the farthest out.'
          : 'No picture is far from the others. Nothing to do.',
      ),
    labelErrors !== undefined &&
      tile(
        '#label-errors',
        labelErrors.count,
        ['doubtful label', 'doubtful labels'],
        labelErrors.count > 0
          ? 'Items that look like those of another label. Check the first ones.'
          : 'Every item looks like the others of its label. Nothing to do.',
      ),
    clusters !== undefined &&
      tile(
        '#clusters',
        clusters.total,
        ['cluster', 'clusters'],
        'Groups that lie densely together. What lies far from all of them is worth a look.',
      ),
  ]
}

function leakTile({ exact, near }: NonNullable<PageSummary['leaks']>): Html {
  return html`<li class="alarm">
    <a href="#duplicates"
      ><b>${count(exact)}</b> exact and <b>${count(near)}</b> near
      ${near === 1 ? 'leak' : 'leaks'}</a
    >
    <p>
      Groups that span splits; exact copies count in their near group too. Remove one side before
      you train, or tests will flatter the model.
    </p>
  </li>`
}

function tile(
  href: string,
  number: number,
  [one, many]: readonly [string, string],
  words: string,
): Html {
  return html`<li>
    <a href="${href}"><b>${count(number)}</b> ${number === 1 ? one : many}</a>
    <p>${words}</p>
  </li>`
}

function dateOf(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const format = new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  return `on ${format.format(date)} UTC`
}
