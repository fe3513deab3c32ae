/** Compares a report on the bundled pictures with what was planted in them; the demo's last step. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromParquet } from 'millrace/connectors/from-parquet'

interface Truth {
  readonly exact: readonly (readonly [string, string])[]
  readonly near: readonly { readonly of: string; readonly id: string; readonly edit: string }[]
  readonly corrupt: readonly { readonly id: string }[]
  readonly outliers: readonly { readonly id: string; readonly kind: string }[]
  readonly mislabeled: readonly { readonly id: string; readonly true: string }[]
}

const [report = 'millrace-demo', truthFile = 'examples/clipart.truth.json'] = process.argv.slice(2)
const truth = JSON.parse(await readFile(truthFile, 'utf8')) as Truth
const summary = JSON.parse(await readFile(join(report, 'summary.json'), 'utf8')) as {
  readonly items: number
  readonly rejects: number
  readonly ignored: number
}

/** Groups by item, for one kind. */
async function groupsOf(kind: string): Promise<Map<string, number>> {
  const groups = new Map<string, number>()
  for await (const batch of fromParquet(join(report, 'groups.parquet')))
    for (const row of batch)
      if (row['kind'] === kind) groups.set(String(row['id']), Number(row['group']))
  return groups
}

const together = (groups: ReadonlyMap<string, number>, a: string, b: string): boolean =>
  groups.has(a) && groups.get(a) === groups.get(b)
const split = (id: string): string | undefined => id.split('/')[0]

const exact = await groupsOf('exact')
const near = await groupsOf('near')
const rejects = new Set<string>()
for await (const batch of fromParquet(join(report, 'rejects.parquet')))
  for (const row of batch) rejects.add(String(row['id']))

/** What the report says of each picture by itself. */
const items: { id: string; reasons: string[]; error: number; suggested: string | null }[] = []
for await (const batch of fromParquet(join(report, 'items.parquet')))
  for (const row of batch)
    items.push({
      id: String(row['id']),
      reasons: [...((row['outlier_reasons'] ?? []) as Iterable<string>)],
      error: Number(row['label_error'] ?? 0),
      suggested: row['suggested_label'] as string | null,
    })
const byId = new Map(items.map((item) => [item.id, item]))
const doubtful = [...items].sort((a, b) => b.error - a.error)

const copies = truth.exact.filter(([a, b]) => together(exact, a, b))
const leaks = copies.filter(([a, b]) => split(a) !== split(b))
const edits = truth.near.filter(({ of, id }) => together(near, of, id))
const missed = truth.near.filter((edit) => !edits.includes(edit)).map(({ edit }) => edit)
const corrupt = truth.corrupt.filter(({ id }) => rejects.has(id))
const files = summary.items + summary.rejects + summary.ignored
const planted = truth.exact.filter(([a, b]) => split(a) !== split(b)).length

const odd = truth.outliers.map(({ id, kind }) => ({ kind, reasons: byId.get(id)?.reasons ?? [] }))
const oddIds = new Set(truth.outliers.map(({ id }) => id))
const others = items.filter(({ id }) => !oddIds.has(id))
const flagged = others.filter(({ reasons }) => reasons.length > 0)
const wrong = truth.mislabeled.map(({ id, true: label }) => ({
  rank: doubtful.findIndex((item) => item.id === id) + 1,
  right: byId.get(id)?.suggested === label,
}))

console.log(`Against what was planted in the pictures:
  corrupt files rejected        ${String(corrupt.length)} of ${String(truth.corrupt.length)}
  exact copies grouped          ${String(copies.length)} of ${String(truth.exact.length)}
  exact leaks across splits     ${String(leaks.length)} of ${String(planted)}
  near duplicates grouped       ${String(edits.length)} of ${String(truth.near.length)}${missed.length > 0 ? ` (not: ${missed.join(', ')})` : ''}
  odd pictures flagged          ${String(odd.filter(({ reasons }) => reasons.length > 0).length)} of ${String(odd.length)}
${odd.map(({ kind, reasons }) => `    ${kind.padEnd(10)}${reasons.join('; ')}`).join('\n')}
  other pictures flagged        ${String(flagged.length)} of ${String(others.length)} (${((100 * flagged.length) / others.length).toFixed(1)} %)
  wrong labels, rank of doubt   ${wrong.map(({ rank }) => String(rank)).join(', ')} of ${String(items.length)}; suggested right: ${String(wrong.filter(({ right }) => right).length)} of ${String(wrong.length)}
  items + rejects + ignored     ${String(files)} files`)
