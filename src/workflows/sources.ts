import type { RecordBatch } from 'apache-arrow'
import { fromArrow } from '../../connectors/from-arrow.ts'
import { fromCoco } from '../../connectors/from-coco.ts'
import { fromCsv } from '../../connectors/from-csv.ts'
import { fromFiles } from '../../connectors/from-files.ts'
import { fromJsonl } from '../../connectors/from-jsonl.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { fromTar } from '../../connectors/from-tar.ts'
import { fromYolo } from '../../connectors/from-yolo.ts'
import { OptionError } from '../errors.ts'
import { concatFlows } from '../flow/concat-flows.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { withText } from './with-text.ts'
import type { SourceSpec, WorkflowOptions } from './workflow.ts'

/** How sources are read, beside their split. */
type Reading = Pick<WorkflowOptions, 'labels' | 'links'>

/** Reads locations of one format, in one split. */
type Reader = (
  locations: readonly string[],
  split: string | undefined,
  reading: Reading,
) => Flow<RecordBatch>

const arrow = tables(fromArrow)
const tar = tables((locations, options) => fromTar(locations, { onError: 'reject', ...options }))

/** By the ending of a location; everything else is pictures in files and folders. */
const readers: Readonly<Record<string, Reader>> = {
  parquet: tables(fromParquet),
  arrow,
  feather: arrow,
  tar,
  'tar.gz': tar,
  tgz: tar,
  csv: lists(fromCsv),
  tsv: lists(fromCsv),
  jsonl: lists(fromJsonl),
  ndjson: lists(fromJsonl),
  json: lists(fromCoco),
  yaml: lists(fromYolo),
  yml: lists(fromYolo),
}

/** Formats whose rows may have embeddings in place of pictures. */
export const tableFormats: ReadonlySet<string> = new Set(['parquet', 'arrow', 'feather'])

/** The format of all `sources`, by their endings; undefined for pictures in files and folders. */
export function formatOf(sources: readonly SourceSpec[]): string | undefined {
  const formats = sources.map(({ path }) => endingOf(path))
  const other = formats.findIndex((format) => format !== formats[0])
  if (other < 0) return formats[0]
  const [first, second] = [sources[0], sources[other]].map((source) => `\`${source?.path ?? ''}\``)
  throw new OptionError(
    `Expected sources of one format, got ${String(first)} (${formats[0] ?? 'pictures'}) and ${String(second)} (${formats[other] ?? 'pictures'})`,
  )
}

function endingOf(path: string): string | undefined {
  const [name = ''] = path.toLowerCase().split(/[?#]/)
  return Object.keys(readers).find((ending) => name.endsWith(`.${ending}`))
}

/** Reads sources of one format one after another. The name of a split goes before the ids of its source. */
export function rowsOf(
  sources: readonly SourceSpec[],
  format: string | undefined,
  reading: Reading,
): Flow<RecordBatch> {
  const read = (format !== undefined && readers[format]) || pictures
  return concatFlows(
    runs(sources).map((run) =>
      read(
        run.map(({ path }) => path),
        run[0]?.split,
        reading,
      ),
    ),
  )
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

function pictures(
  locations: readonly string[],
  split: string | undefined,
  { labels, links }: Reading,
): Flow<RecordBatch> {
  return fromFiles(locations, {
    onError: 'reject',
    ...(labels !== undefined && { labels }),
    ...(links !== undefined && { links }),
    ...(split !== undefined && { split, name: split }),
  })
}

type Table = (
  locations: readonly string[],
  options: { readonly sourceName?: string },
) => Flow<RecordBatch>

function tables(read: Table): Reader {
  return (locations, split) => {
    if (split === undefined) return read(locations, {})
    return flowOf(read(locations, { sourceName: split }).pipe(withText('split', split)))
  }
}

type List = typeof fromCsv | typeof fromCoco

/** A list of several is read one after another. */
function lists(read: List): Reader {
  return (locations, split, { links }) =>
    concatFlows(
      locations.map((location) =>
        read(location, {
          onError: 'reject',
          ...(links !== undefined && { links }),
          ...(split !== undefined && { split, name: split }),
        }),
      ),
    )
}
