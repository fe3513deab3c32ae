import { readable, type Html, html } from './html.ts'
import { idText } from './item-figure.ts'
import type { PageData } from './page-data.ts'
import { nameLength } from './payload.ts'
import { count, plural } from './words.ts'

const messageLength = 400

/** Items that failed, each with its reason. */
export function rejectsSection({ rejects, rejectCount }: PageData): Html {
  const hidden = rejectCount - rejects.length
  const rows = rejects.map(
    ({ id, operator, code, message, attempt }) =>
      html`<tr>
        <th scope="row">${idText(id)}</th>
        <td>${readable(operator, nameLength)}</td>
        <td><code>${readable(code, nameLength)}</code></td>
        <td>
          <bdi>${readable(message, messageLength)}</bdi
          >${attempt > 1 && ` (tried ${plural(attempt, 'time')})`}
        </td>
      </tr>`,
  )
  const table = html`<p>
      ${plural(rejectCount, 'item')} could not be read and ${rejectCount === 1 ? 'is' : 'are'} in no
      other
      table.${hidden > 0 && ` The first ${count(rejects.length)} are listed; all are in rejects.parquet.`}
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col">Item</th>
          <th scope="col">Operator</th>
          <th scope="col">Code</th>
          <th scope="col">Reason</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`
  return html`<section id="rejects" aria-labelledby="rejects-title">
    <h2 id="rejects-title">Rejects</h2>
    ${rejectCount === 0 ? html`<p class="none">Everything could be read.</p>` : table}
  </section>`
}
