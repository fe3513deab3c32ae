import type { RecordBatch } from 'apache-arrow'
import { fromCoco } from '../../connectors/from-coco.ts'
import { fromCsv } from '../../connectors/from-csv.ts'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromJsonl } from '../../connectors/from-jsonl.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { fromYolo } from '../../connectors/from-yolo.ts'
import { limit } from '../../operators/limit.ts'
import { rename } from '../../operators/rename.ts'
import { textColumn, withColumns } from '../batch/batch.ts'
import { concatFlows } from '../flow/concat-flows.ts'
import { OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { operate } from '../flow/operate.ts'
import { isHeavy, isKind, schemaWith } from '../batch/schema.ts'
import type { ManifestOptions } from '../manifests/manifest-options.ts'
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
 * their column `image`, or in the only column of pictures; so have lists (CSV, JSON lines, COCO, `data.yaml` of YOLO);
 * everything else is pictures. The name of a split goes before the ids of its source.
 *
 * @throws {OptionError} if pictures are mixed with Parquet files or lists
 */
export async function itemsOf(options: WorkflowOptions): Promise<Items> {
  const { sources, limit: most } = options
  const tables = sources.filter(({ path }) => path.endsWith('.parquet') || listAt(path))
  if (tables.length > 0 && tables.length < sources.length)
    throw new OptionError(
      `Expected pictures or Parquet files, got both: ${sources.map(({ path }) => `\`${path}\``).join(', ')}`,
    )
  const read = runs(sources)
  const { kind, rows } =
    tables.length > 0
      ? await itemsIn(concatFlows(read.map((run) => tableFrom(run, options))))
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

/** The sources that read lists, by the extension of the file. */
const lists: Readonly<
  Record<string, (path: string, options: ManifestOptions) => Flow<RecordBatch>>
> = {
  ...{ csv: fromCsv, tsv: fromCsv, jsonl: fromJsonl, ndjson: fromJsonl, json: fromCoco },
  ...{ yaml: fromYolo, yml: fromYolo },
}

function listAt(path: string): (typeof lists)[string] | undefined {
  return lists[path.slice(path.lastIndexOf('.') + 1).toLowerCase()]
}

/** Sources without a split that follow each other are read as one, lists each by itself. */
function runs(sources: readonly SourceSpec[]): (readonly SourceSpec[])[] {
  const out: SourceSpec[][] = []
  for (const source of sources) {
    const last = out.at(-1)
    const plain = source.split === undefined && !listAt(source.path)
    if (last?.[0] && plain && last[0].split === undefined && !listAt(last[0].path))
      last.push(source)
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

function tableFrom(
  run: readonly SourceSpec[],
  { links }: Pick<WorkflowOptions, 'links'>,
): Flow<RecordBatch> {
  const [first] = run
  const split = first?.split
  const list = first && listAt(first.path)
  if (list)
    return list(first.path, {
      onError: 'reject',
      ...(links !== undefined && { links }),
      ...(split !== undefined && { split, name: split }),
    })
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
