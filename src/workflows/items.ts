import type { RecordBatch } from 'apache-arrow'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { limit } from '../../operators/limit.ts'
import { rename } from '../../operators/rename.ts'
import { textColumn, withColumns } from '../batch/batch.ts'
import { concatFlows } from '../flow/concat-flows.ts'
import { OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { operate } from '../flow/operate.ts'
import { isHeavy, isKind, schemaWith } from '../batch/schema.ts'
import type { SourceSpec, WorkflowOptions } from './workflow.ts'

/** The items that a workflow works on. */
export interface Items {
  /** Pictures to embed, or rows that have their `embedding` already. */
  readonly kind: 'pictures' | 'embeddings'
  /** The rows. */
  readonly rows: Flow<RecordBatch>
}

/**
 * Reads the sources of a workflow, one after another. Parquet files have rows with an `embedding`, or else pictures in
 * their column `image`, or in the only column of pictures; everything else is pictures. The name of a split goes before
 * the ids of its source.
 *
 * @throws {OptionError} if pictures and Parquet files are mixed
 */
export async function itemsOf(options: WorkflowOptions): Promise<Items> {
  const { sources, limit: most } = options
  const parquet = sources.filter(({ path }) => path.endsWith('.parquet'))
  if (parquet.length > 0 && parquet.length < sources.length)
    throw new OptionError(
      `Expected pictures or Parquet files, got both: ${sources.map(({ path }) => `\`${path}\``).join(', ')}`,
    )
  const read = runs(sources)
  const { kind, rows } =
    parquet.length > 0
      ? await itemsIn(concatFlows(read.map(tableFrom)))
      : {
          kind: 'pictures' as const,
          rows: concatFlows(read.map((run) => picturesFrom(run, options))),
        }
  return { kind, rows: most === undefined ? rows : flowOf(rows.pipe(limit(most))) }
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

/** Sources without a split that follow each other are read as one. */
function runs(sources: readonly SourceSpec[]): (readonly SourceSpec[])[] {
  const out: SourceSpec[][] = []
  for (const source of sources) {
    const last = out.at(-1)
    if (last && source.split === undefined && last[0]?.split === undefined) last.push(source)
    else out.push([source])
  }
  return out
}

function picturesFrom(
  run: readonly SourceSpec[],
  { labels, links }: Pick<WorkflowOptions, 'labels' | 'links'>,
): Flow<RecordBatch> {
  const split = run[0]?.split
  return fromFiles(
    run.map(({ path }) => path),
    {
      onError: 'reject',
      ...(labels !== undefined && { labels }),
      ...(links !== undefined && { links }),
      ...(split !== undefined && { split, name: split }),
    },
  )
}

function tableFrom(run: readonly SourceSpec[]): Flow<RecordBatch> {
  const split = run[0]?.split
  const rows = fromParquet(
    run.map(({ path }) => path),
    split === undefined ? {} : { sourceName: split },
  )
  return split === undefined ? rows : flowOf(rows.pipe(withText('split', split)))
}

/** Adds a column that has the same text in every row. */
export function withText(name: string, text: string) {
  return operate<RecordBatch, RecordBatch>({
    name: 'withText',
    schema: (input) => schemaWith(input, [textColumn(name, []).field]),
    settings: { name, text },
    start: () => ({
      *next(batch) {
        yield withColumns(batch, [textColumn(name, Array<string>(batch.numRows).fill(text))])
      },
    }),
  })
}
