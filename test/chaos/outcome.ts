import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from '../helpers/batches.ts'
import { filesUnder, rowsOf } from '../helpers/workflows.ts'
import type { Case } from './cases.ts'

/** What a run left in its folder of outputs. */
export interface Outcome {
  /** Content of every file, hidden ones too, without times. */
  readonly files: ReadonlyMap<string, string>
  /** Rows of each table, and of the rejects. */
  readonly tables: ReadonlyMap<string, readonly Row[]>
}

/** What checking a run found. */
export interface Finding {
  /** Rows that were looked at. */
  readonly rows: number
  /** Rows of the input that are neither in a table nor among the rejects. */
  readonly lost: number
  /** Rows that are there more than once. */
  readonly doubled: number
  /** What else is not as it should be, in words. */
  readonly differences: readonly string[]
}

/** Reads what is in `out`. */
export async function outcomeOf({ tables, rejects }: Case, out: string): Promise<Outcome> {
  const files = new Map(filesUnder(out).map((name) => [name, timeless(name, join(out, name))]))
  const rows = new Map<string, readonly Row[]>()
  for (const name of rejects === undefined ? tables : [...tables, rejects])
    rows.set(name, await rowsAt(join(out, name)))
  return { files, tables: rows }
}

/** Compares what a killed and resumed run left with the ids of its input and with a run that was not killed. */
export function compare(
  { tables, rejects, same }: Case,
  ids: readonly string[],
  { found, reference }: { readonly found: Outcome; readonly reference: Outcome },
): Finding {
  const rejected = rejects === undefined ? [] : (found.tables.get(rejects) ?? [])
  const counted = tables.map((name) => count(ids, [...(found.tables.get(name) ?? []), ...rejected]))
  const differences =
    same === 'bytes'
      ? differentFiles(found.files, reference.files)
      : [...reference.tables].flatMap(([name, rows]) =>
          differentRows(name, { found: found.tables.get(name) ?? [], rows, same }),
        )
  return {
    rows: counted.reduce((sum, { rows }) => sum + rows, 0),
    lost: counted.reduce((sum, { lost }) => sum + lost, 0),
    doubled: counted.reduce((sum, { doubled }) => sum + doubled, 0),
    differences: [...differences, ...leftovers(found.files)],
  }
}

/**
 * What of a run that was killed can be seen, and is not as it is in the end: a file under its final name
 * and the folder of a model are whole, and a folder of parts is a beginning of the rows.
 */
export function seenTooEarly(
  { same }: Case,
  { found, reference }: { readonly found: Outcome; readonly reference: Outcome },
): readonly string[] {
  if (same === 'bytes') {
    const visible = [...found.files.keys()].filter((name) => !isTemporary(name))
    const models = new Set([...reference.files.keys()].flatMap(modelOf))
    const begun = [...models].filter((folder) => visible.some((name) => name.startsWith(folder)))
    const expected = [...reference.files.keys()].filter((name) =>
      begun.some((folder) => name.startsWith(folder)),
    )
    const names = new Set([...visible, ...expected])
    return differentFiles(only(names, found.files), only(names, reference.files))
  }
  return [...reference.tables].flatMap(([name, rows]) => {
    const seen = found.tables.get(name) ?? []
    return seen.length === 0
      ? []
      : differentRows(name, { found: seen, rows: rows.slice(0, seen.length), same })
  })
}

/** The folder of a model, with `/`, if `name` is its `model.json`. */
function modelOf(name: string): readonly string[] {
  return name.endsWith('/model.json') ? [name.slice(0, -'model.json'.length)] : []
}

function only(
  names: ReadonlySet<string>,
  files: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map([...files].filter(([name]) => names.has(name)))
}

function count(ids: readonly string[], rows: readonly Row[]) {
  const times = new Map(ids.map((id) => [id, 0]))
  let strange = 0
  for (const { id } of rows) {
    const before = times.get(String(id))
    if (before === undefined) strange++
    else times.set(String(id), before + 1)
  }
  const counts = [...times.values()]
  const lost = counts.filter((n) => n === 0).length
  const doubled = counts.filter((n) => n > 1).length + strange
  return { rows: rows.length, lost, doubled }
}

function differentFiles(
  found: ReadonlyMap<string, string>,
  reference: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...found.keys(), ...reference.keys()])
  return [...names].sort().flatMap((name) => {
    const got = found.get(name)
    if (got === undefined) return [`${name} is missing`]
    if (!reference.has(name)) return [`${name} should not be there`]
    return got === reference.get(name) ? [] : [`${name} has other bytes`]
  })
}

interface Comparison {
  readonly found: readonly Row[]
  readonly rows: readonly Row[]
  readonly same: Case['same']
}

function differentRows(name: string, { found, rows, same }: Comparison): readonly string[] {
  const [got, wanted] = [found, rows].map((list) => list.map((row) => JSON.stringify(row, plainly)))
  const [a, b] = same === 'set' ? [got?.toSorted(), wanted?.toSorted()] : [got, wanted]
  if (a?.length !== b?.length)
    return [`${name} has ${String(a?.length)} rows, not ${String(b?.length)}`]
  const at = a?.findIndex((row, i) => row !== b?.[i]) ?? -1
  return at < 0 ? [] : [`row ${String(at)} of ${name} is ${a?.[at] ?? ''}, not ${b?.[at] ?? ''}`]
}

function plainly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function leftovers(files: ReadonlyMap<string, string>): readonly string[] {
  return [...files.keys()].filter(isTemporary).map((name) => `${name} was left behind`)
}

function isTemporary(name: string): boolean {
  return name.startsWith('.') || name.includes('.tmp') || name.includes('/.')
}

/** Rows of a file, or of the parts in a folder, which are read in the order of their names. */
async function rowsAt(path: string): Promise<readonly Row[]> {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory())
    return path.endsWith('.jsonl') ? linesOf(path) : await rowsOf(path)
  const rows: Row[] = []
  for (const name of filesUnder(path))
    if (!isTemporary(name)) rows.push(...(await rowsAt(join(path, name))))
  return rows
}

function linesOf(path: string): readonly Row[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Row)
}

/** The bytes of a file; of those that tell when, how long and from which checkpoint they were made, all but that. */
function timeless(name: string, path: string): string {
  if (name.endsWith('summary.json')) return untimed(JSON.parse(readFileSync(path, 'utf8')))
  if (!/\.(json|html)$/.test(name)) return readFileSync(path, 'base64')
  return readFileSync(path, 'utf8')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|on \d+ \w+ \d{4} at \d\d:\d\d UTC/g, 'then')
    .replaceAll(/\d+(\.\d+)? s\b/g, 'some time')
}

const times: readonly string[] = ['seconds', 'startedAt', 'timings', 'drained', 'checkpoint']

/** A summary as text, without the times, the checkpoint and `more`. */
export function untimed(summary: unknown, more: readonly string[] = []): string {
  const fields = Object.entries(summary as Readonly<Record<string, unknown>>)
  return JSON.stringify(fields.filter(([key]) => ![...times, ...more].includes(key)))
}
