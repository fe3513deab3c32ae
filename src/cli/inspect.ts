import { stat } from 'node:fs/promises'
import { DataType, type Field, type RecordBatch, type Vector } from 'apache-arrow'
import type { Command } from 'commander'
import { ConnectorError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { parseLocation } from '../storage/location.ts'
import { openBytes } from '../storage/open-bytes.ts'
import { inspectArrow } from './inspect-arrow.ts'
import { inspectModel } from './inspect-model.ts'
import { inspectParquet } from './inspect-parquet.ts'
import type { TableContents } from './table-contents.ts'
import { addStorageOptions, jsonOption, wholeNumberOf } from './options.ts'
import { byteSize, count, plural, print, printJson, table } from './output.ts'
import { UsageError } from './usage-error.ts'

/** Sets up `millrace inspect`. */
export function configure(command: Command): void {
  addStorageOptions(command)
    .argument('<file>', 'Parquet file, Arrow file or stream, or model folder')
    .option('--rows <n>', 'how many of the first rows to show', wholeNumberOf, 5)
    .addOption(jsonOption())
    .action(inspect)
}

interface Options {
  readonly rows: number
  readonly json?: true
}

async function inspect(path: string, { rows, json }: Options): Promise<void> {
  if (await isFolder(path)) {
    const model = await inspectModel(path)
    if (json) printJson({ path, ...model })
    else print(modelText(path, model))
    return
  }
  const bytes = await openBytes(path)
  try {
    const { signal } = new AbortController()
    const size = await bytes.size(signal)
    const contents = await tableContents(bytes, size, rows)
    if (json) printJson(tableJson(bytes.url, size, contents, rows))
    else print(tableText(bytes.url, size, contents, rows))
  } finally {
    await bytes.close()
  }
}

async function isFolder(path: string): Promise<boolean> {
  if (parseLocation('file', path).kind !== 'file') return false
  const found = await stat(path).catch((cause: unknown) => {
    throw new ConnectorError(
      `Expected a file, got nothing at \`${path}\``,
      { url: path, retryable: false },
      { cause },
    )
  })
  return found.isDirectory()
}

async function tableContents(
  bytes: ByteSource,
  size: number,
  rows: number,
): Promise<TableContents> {
  const { signal } = new AbortController()
  const start = Buffer.from(await bytes.read(0, Math.min(size, 8), signal))
  const contents =
    (await inspectArrow(bytes, start, rows)) ?? (await inspectParquet(bytes, start, rows))
  if (contents) return contents
  throw new UsageError(
    `Expected a Parquet file, an Arrow file or a model folder, got \`${bytes.url}\``,
  )
}

function tableJson(path: string, bytes: number, contents: TableContents, rows: number): object {
  const { fields, head, ...rest } = contents
  const schema = fields.map((field) => ({ ...columnInfo(field), nullable: field.nullable }))
  return { path, bytes, ...rest, schema, head: firstRows(head, rows) }
}

function tableText(path: string, bytes: number, contents: TableContents, rows: number): string {
  const { format, numRows, rowGroups, fields, head } = contents
  const [one, many] = format === 'parquet' ? ['row group', 'row groups'] : ['batch', 'batches']
  const groups = `${count(rowGroups.length)} ${rowGroups.length === 1 ? one : many}`
  const parts = `${groups} of at most ${count(Math.max(0, ...rowGroups))}`
  const columns = fields.map(columnInfo)
  const shown = firstRows(head, rows).map((row) => fields.map(({ name }) => cellText(row[name])))
  return [
    `${path}: ${format}, ${byteSize(bytes)}, ${plural(numRows, 'row')} in ${parts}`,
    table(
      columns.map(({ name, type, extension = '' }) => [name, type, extension]),
      '  ',
    ),
    ...(shown.length > 0 ? ['', table([fields.map(({ name }) => name), ...shown], '  ')] : []),
  ].join('\n')
}

function modelText(path: string, model: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(model).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return `${path}: model\n${table(lines, '  ')}`
}

function columnInfo(field: Field): { name: string; type: string; extension?: string } {
  const extension = field.metadata.get('ARROW:extension:name')
  const detail = field.metadata.get('ARROW:extension:metadata') ?? ''
  const type = String(field.type as { toString(): string })
  return {
    name: field.name,
    type,
    ...(extension !== undefined && { extension: `${extension} ${detail}`.trim() }),
  }
}

function firstRows(head: readonly RecordBatch[], rows: number): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = []
  for (const batch of head)
    for (let i = 0; i < batch.numRows && found.length < rows; i++)
      found.push(
        Object.fromEntries(
          batch.schema.fields.map(({ name, type }) => [
            name,
            plain(batch.getChild(name)?.get(i), type as DataType),
          ]),
        ),
      )
  return found
}

/** A value fit for JSON; of bytes only how many. */
function plain(value: unknown, type: DataType): unknown {
  if (value === null || value === undefined) return null
  if (DataType.isBinary(type)) return { bytes: (value as Uint8Array).length }
  if (DataType.isStruct(type) || DataType.isMap(type))
    return Object.fromEntries(
      type.children.map((child: Field) => [
        child.name,
        plain((value as Readonly<Record<string, unknown>>)[child.name], child.type as DataType),
      ]),
    )
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) return plainList(value, type)
  return typeof value === 'bigint' ? Number(value) : value
}

/** A list; of a long one its length and the first values. */
function plainList(value: unknown, type: DataType): unknown {
  const values = value as Vector
  const of = type.children[0]?.type as DataType
  // The length is what the file says: it may say 2^31 of values that take no bytes.
  const shown = Math.min(8, values.length)
  const first = Array.from({ length: shown }, (_, i) => plain(values.get(i), of))
  return values.length > 8 ? { length: values.length, first } : first
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
