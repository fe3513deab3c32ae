/** Compares a report on the bundled pictures with what was planted in them; the demo's last step. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromParquet } from 'millrace/connectors/from-parquet'

interface Truth {
  readonly exact: readonly (readonly [string, string])[]
  readonly near: readonly { readonly of: string; readonly id: string; readonly edit: string }[]
  readonly corrupt: readonly { readonly id: string }[]
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

const copies = truth.exact.filter(([a, b]) => together(exact, a, b))
const leaks = copies.filter(([a, b]) => split(a) !== split(b))
const edits = truth.near.filter(({ of, id }) => together(near, of, id))
const missed = truth.near.filter((edit) => !edits.includes(edit)).map(({ edit }) => edit)
const corrupt = truth.corrupt.filter(({ id }) => rejects.has(id))
const files = summary.items + summary.rejects + summary.ignored
const planted = truth.exact.filter(([a, b]) => split(a) !== split(b)).length

console.log(`Against what was planted in the pictures:
  corrupt files rejected        ${String(corrupt.length)} of ${String(truth.corrupt.length)}
  exact copies grouped          ${String(copies.length)} of ${String(truth.exact.length)}
  exact leaks across splits     ${String(leaks.length)} of ${String(planted)}
  near duplicates grouped       ${String(edits.length)} of ${String(truth.near.length)}${missed.length > 0 ? ` (not: ${missed.join(', ')})` : ''}
  items + rejects + ignored     ${String(files)} files`)
