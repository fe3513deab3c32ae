import { readable, type Html, html } from './html.ts'
import { type PageData, shows } from './page-data.ts'
import { seconds } from './words.ts'

const valueLength = 300
const entriesShown = 100

/** Versions, parameters and times. */
export function howItWasMade(data: PageData): Html {
  const { summary } = data
  return html`<section id="made" aria-labelledby="made-title">
    <h2 id="made-title">How it was made</h2>
    <div class="made">
      ${list('Parameters', summary.parameters)}
      ${list('Time', Object.fromEntries(Object.entries(summary.timings).map(([k, v]) => [k, seconds(v)])))}
      ${list('Versions', summary.versions)}
    </div>
    <p>
      The tables beside this page hold everything: <a href="items.parquet">items.parquet</a>,
      ${shows(data, 'duplicates') && html`<a href="groups.parquet">groups.parquet</a>, `}<a
        href="rejects.parquet"
        >rejects.parquet</a
      >, <a href="embeddings.parquet">embeddings.parquet</a>,
      <a href="summary.json">summary.json</a>.
    </p>
  </section>`
}

function list(title: string, entries: Readonly<Record<string, unknown>>): Html {
  const rows = Object.entries(entries)
    .slice(0, entriesShown)
    .map(
      ([name, value]) =>
        html`<div>
          <dt>${readable(name, valueLength)}</dt>
          <dd><bdi>${readable(textOf(value), valueLength)}</bdi></dd>
        </div>`,
    )
  return html`<div>
    <h3>${title}</h3>
    <dl>${rows}</dl>
  </div>`
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? value.toLocaleString('en-US') : JSON.stringify(value ?? null)
}
