import { createHash } from 'node:crypto'
import { clustersSection } from './clusters-section.ts'
import { howItWasMade } from './how-it-was-made.ts'
import { duplicatesSection } from './duplicates-section.ts'
import { familiaritySection } from './familiarity-section.ts'
import { readable, Html, html, jsonForHtml } from './html.ts'
import { labelErrorsSection } from './label-errors-section.ts'
import { mapSection } from './map-section.ts'
import { outliersSection } from './outliers-section.ts'
import { type PageData, shows } from './page-data.ts'
import { payloadOf } from './payload.ts'
import { rejectsSection } from './rejects-section.ts'
import { scriptText } from './script-text.ts'
import { statisticsSection } from './statistics-section.ts'
import { style } from './style.ts'
import { overview } from './overview.ts'

const sourcesNamed = 6

/**
 * Renders `index.html`: one file that needs nothing else and asks no network. All text is escaped, and
 * the content policy lets only the page's own script and style run, by their hashes.
 */
export function renderPage(data: PageData): string {
  const { payload, indexOf } = payloadOf(data)
  const script = scriptText()
  const { sources } = data.summary
  const names = sources.slice(0, sourcesNamed).map((source) => readable(source, 120))
  if (sources.length > sourcesNamed) names.push(`${String(sources.length - sourcesNamed)} more`)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentPolicy(script)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="millrace" />
        <title>${names.join(', ')} – Millrace report</title>
        ${element('style', style)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the report</a>
        ${overview(data, names)}
        <main id="main">
          ${shows(data, 'map') && mapSection(data, payload)}
          ${shows(data, 'duplicates') && duplicatesSection(data, indexOf)}
          ${outliersSection(data, indexOf)} ${labelErrorsSection(data, indexOf)}
          ${shows(data, 'familiarity') && familiaritySection(data, indexOf)}
          ${clustersSection(data, indexOf)} ${statisticsSection(data)} ${rejectsSection(data)}
          ${howItWasMade(data)}
        </main>
        <script type="application/json" id="payload">
          ${jsonForHtml(payload)}
        </script>
        ${element('script', script)}
      </body>
    </html> `
  return page.text
}

/** The text is hashed, so not a space may be added to it. */
function element(name: 'script' | 'style', text: string): Html {
  return new Html(`<${name}>${text}</${name}>`)
}

function contentPolicy(script: string): string {
  return [
    "default-src 'none'",
    'img-src data:',
    `style-src '${hashSource(style)}'`,
    `script-src '${hashSource(script)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function hashSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
