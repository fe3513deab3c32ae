import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { from, lastValueFrom } from 'rxjs'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toParquet } from '../../connectors/to-parquet.ts'
import type { WorkflowContext } from '../../src/workflows/workflow.ts'
import type { Row } from './batches.ts'

/** The bundled pictures. */
export const clipart = resolve(import.meta.dirname, '../../examples/clipart')

/** Every table that a report writes. */
export const tables = ['items', 'embeddings', 'groups', 'rejects'].map((name) => `${name}.parquet`)

/** A new folder outside the repository. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-test-'))
}

/** Nothing stops the workflow, and nobody follows it. */
export function unattended(): WorkflowContext {
  return {
    signal: new AbortController().signal,
    drain: new AbortController().signal,
    onProgress: () => undefined,
    note: () => undefined,
  }
}

/** All files under `folder`, relative to it, sorted. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
}

/** Copies `names` of the bundled pictures to a new folder. */
export function someClipart(names: readonly string[]): string {
  const folder = newFolder()
  for (const name of names) {
    mkdirSync(join(folder, dirname(name)), { recursive: true })
    cpSync(join(clipart, name), join(folder, name))
  }
  return folder
}

/** The rows of a Parquet file. */
export async function rowsOf(path: string): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of fromParquet(path))
    rows.push(...batch.toArray().map((row) => ({ ...row.toJSON() })))
  return rows
}

/** The columns of a Parquet file: name and type. */
export async function columnTypes(path: string): Promise<Record<string, string>> {
  const schema = await fromParquet(path).schema()
  return Object.fromEntries(schema?.fields.map((f) => [f.name, String(f.type)]) ?? [])
}

/** `summary.json` of a report. */
export function summaryOf(out: string): Row {
  return JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as Row
}

/** The bytes of each table of a report. */
export function tableBytes(out: string): Record<string, string> {
  return Object.fromEntries(
    tables.map((name) => [name, readFileSync(join(out, name)).toString('base64')]),
  )
}

/** Writes a Parquet file of one batch. */
export async function writeBatch(path: string, batch: RecordBatch): Promise<void> {
  await lastValueFrom(from([batch]).pipe(toParquet(path)))
}
