import type { RecordBatch } from 'apache-arrow'
import { limit } from '../../operators/limit.ts'
import { rename } from '../../operators/rename.ts'
import { isHeavy, isKind } from '../batch/schema.ts'
import { SchemaError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { formatOf, rowsOf, tableFormats } from './sources.ts'
import type { WorkflowOptions } from './workflow.ts'

/** The items that a workflow works on. */
export interface Items {
  /** Pictures to embed, or rows that have their `embedding` already. */
  readonly kind: 'pictures' | 'embeddings'
  /** The rows. */
  readonly rows: Flow<RecordBatch>
}

/**
 * Reads the sources of a workflow, one after another, by their endings: tables (Parquet, Arrow) have rows with an
 * `embedding`, or else pictures in their column `image`, or in the only column of pictures; lists (CSV, JSON lines, COCO,
 * YOLO) and archives (tar) lead to pictures; everything else is pictures in files.
 *
 * @throws {OptionError} if sources of several formats are mixed
 * @throws {SchemaError} if a list leads to no pictures
 */
export async function itemsOf(options: WorkflowOptions): Promise<Items> {
  const { sources, limit: most } = options
  const format = formatOf(sources)
  const all = await rowsOf(sources, format, options)
  const { kind, rows } =
    format !== undefined && tableFormats.has(format)
      ? await itemsIn(all)
      : { kind: 'pictures' as const, rows: await withPictures(all) }
  return { kind, rows: most === undefined ? rows : flowOf(rows.pipe(limit(most))) }
}

/** Refuses a list that leads to no pictures, such as a CSV file of numbers. */
async function withPictures(rows: Flow<RecordBatch>): Promise<Flow<RecordBatch>> {
  const names = (await rows.schema())?.fields.map(({ name }) => name)
  if (!names || names.includes('image')) return rows
  throw new SchemaError(
    `Expected a list with a column of paths of pictures, such as \`path\`, got columns ${names.join(', ')}; rows with an \`embedding\` are read from Parquet and Arrow files`,
    { column: 'image' },
  )
}

/** What the rows of tables are, by their columns. */
async function itemsIn(rows: Flow<RecordBatch>): Promise<Items> {
  const fields = (await rows.schema())?.fields ?? []
  if (fields.some(({ name }) => name === 'embedding')) return { kind: 'embeddings', rows }
  const pictures = fields.filter((field) => isKind(field, 'binary') && isHeavy(field))
  const [only] = pictures.length === 1 ? pictures : []
  if (fields.some(({ name }) => name === 'image')) return { kind: 'pictures', rows }
  if (!only) return { kind: 'embeddings', rows }
  return {
    kind: 'pictures',
    rows: flowOf(rows.pipe(rename({ columns: { [only.name]: 'image' } }))),
  }
}
