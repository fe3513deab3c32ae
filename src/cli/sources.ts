import { existsSync } from 'node:fs'
import type { RecordBatch } from 'apache-arrow'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { limit } from '../../operators/limit.ts'
import { textColumn, withColumns } from '../batch.ts'
import { concatFlows } from '../concat-flows.ts'
import { type Flow, flowOf } from '../flow.ts'
import { operate } from '../operate.ts'
import { schemaWith } from '../schema.ts'
import { UsageError } from './usage-error.ts'

/** How the items are read. */
export interface SourceSettings {
  /** Where label and split are in the path. */
  readonly labels?: string
  /** Most items. */
  readonly limit?: number
}

/** The items that a command works on. */
export interface Items {
  /** Pictures to embed, or rows that have their `embedding` already. */
  readonly kind: 'pictures' | 'embeddings'
  /** The rows. */
  readonly rows: Flow<RecordBatch>
}

/** One SOURCE of the command line: `PATH` or `split=PATH`. */
interface Source {
  readonly split?: string
  readonly path: string
}

/**
 * Reads the sources of a command, one after another: Parquet files are rows with an `embedding`, everything
 * else is pictures. The name of a split goes before the ids of its source.
 *
 * @throws {UsageError} if pictures and Parquet files are mixed
 */
export function itemsOf(texts: readonly string[], settings: SourceSettings): Items {
  const sources = texts.map(sourceOf)
  const parquet = sources.filter(({ path }) => path.endsWith('.parquet'))
  if (parquet.length > 0 && parquet.length < sources.length)
    throw new UsageError(
      `Expected pictures or Parquet files, got both: ${texts.map((t) => `\`${t}\``).join(', ')}`,
    )
  const kind = parquet.length > 0 ? 'embeddings' : 'pictures'
  const read = kind === 'embeddings' ? embeddingsFrom : picturesFrom
  const rows = concatFlows(runs(sources).map((run) => read(run, settings)))
  return {
    kind,
    rows: settings.limit === undefined ? rows : flowOf(rows.pipe(limit(settings.limit))),
  }
}

function sourceOf(text: string): Source {
  const [, split, path] = /^([\p{L}\p{N}_.-]+)=(.+)$/u.exec(text) ?? []
  return split !== undefined && path !== undefined && !existsSync(text)
    ? { split, path }
    : { path: text }
}

/** Sources without a split that follow each other are read as one. */
function runs(sources: readonly Source[]): (readonly Source[])[] {
  const out: Source[][] = []
  for (const source of sources) {
    const last = out.at(-1)
    if (last && source.split === undefined && last[0]?.split === undefined) last.push(source)
    else out.push([source])
  }
  return out
}

function picturesFrom(run: readonly Source[], { labels }: SourceSettings): Flow<RecordBatch> {
  const split = run[0]?.split
  return fromFiles(
    run.map(({ path }) => path),
    {
      onError: 'reject',
      ...(labels !== undefined && { labels }),
      ...(split !== undefined && { split, name: split }),
    },
  )
}

function embeddingsFrom(run: readonly Source[]): Flow<RecordBatch> {
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
