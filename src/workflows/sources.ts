import type { RecordBatch } from 'apache-arrow'
import { fromFiles } from '../../connectors/from-files.ts'
import { OptionError } from '../errors.ts'
import { concatFlows } from '../flow/concat-flows.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import type { ManifestOptions } from '../manifests/manifest-options.ts'
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

/** What is read by a connector of its own; everything else is pictures in files and folders. */
export type Format = 'parquet' | 'arrow' | 'tar' | 'csv' | 'jsonl' | 'coco' | 'yolo'

/** By the ending of a location. */
const endings: Readonly<Record<string, Format>> = {
  ...{ parquet: 'parquet', arrow: 'arrow', feather: 'arrow' },
  ...{ tar: 'tar', 'tar.gz': 'tar', tgz: 'tar' },
  ...{ csv: 'csv', tsv: 'csv', jsonl: 'jsonl', ndjson: 'jsonl' },
  ...{ json: 'coco', yaml: 'yolo', yml: 'yolo' },
}

/** Loaded when they are needed: most bring libraries along. */
const readers: Readonly<Record<Format, () => Promise<Reader>>> = {
  parquet: async () => tables((await import('../../connectors/from-parquet.ts')).fromParquet),
  arrow: async () => tables((await import('../../connectors/from-arrow.ts')).fromArrow),
  async tar() {
    const { fromTar } = await import('../../connectors/from-tar.ts')
    return tables((locations, options) => fromTar(locations, { onError: 'reject', ...options }))
  },
  csv: async () => lists((await import('../../connectors/from-csv.ts')).fromCsv),
  jsonl: async () => lists((await import('../../connectors/from-jsonl.ts')).fromJsonl),
  coco: async () => lists((await import('../../connectors/from-coco.ts')).fromCoco),
  yolo: async () => lists((await import('../../connectors/from-yolo.ts')).fromYolo),
}

/** Formats whose rows may have embeddings in place of pictures. */
export const tableFormats: ReadonlySet<Format> = new Set<Format>(['parquet', 'arrow'])

/** The format of all `sources`, by their endings; undefined for pictures in files and folders. */
export function formatOf(sources: readonly SourceSpec[]): Format | undefined {
  const formats = sources.map(({ path }) => formatAt(path))
  const other = formats.findIndex((format) => format !== formats[0])
  if (other < 0) return formats[0]
  const [first, second] = [sources[0], sources[other]].map((source) => `\`${source?.path ?? ''}\``)
  throw new OptionError(
    `Expected sources of one format, got ${String(first)} (${formats[0] ?? 'pictures'}) and ${String(second)} (${formats[other] ?? 'pictures'})`,
  )
}

function formatAt(path: string): Format | undefined {
  const [name = ''] = path.toLowerCase().split(/[?#]/)
  const ending = Object.keys(endings).find((each) => name.endsWith(`.${each}`))
  return ending === undefined ? undefined : endings[ending]
}

/** Reads sources of one format one after another. The name of a split goes before the ids of its source. */
export async function rowsOf(
  sources: readonly SourceSpec[],
  format: Format | undefined,
  reading: Reading,
): Promise<Flow<RecordBatch>> {
  const read = format === undefined ? pictures : await readers[format]()
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

type List = (
  location: string,
  options: Pick<ManifestOptions, 'onError' | 'links' | 'split' | 'name'>,
) => Flow<RecordBatch>

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
