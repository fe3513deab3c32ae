import {
  Bool,
  type DataType,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  type RecordBatch,
} from 'apache-arrow'
import type { Flow } from '../src/flow/flow.ts'
import { boxesField, boxLabelsField, commonLabel } from '../src/manifests/boxes.ts'
import { CocoIndex } from '../src/manifests/coco-index.ts'
import { type LoadedEntry, pictureFields } from '../src/manifests/list-source.ts'
import { type ListReading, pictureList } from '../src/manifests/picture-list.ts'
import { type ManifestOptions, type ManifestSettings } from '../src/manifests/manifest-options.ts'
import { folderOf, LinkedPictures, nameOf, readLinked } from '../src/pictures/linked-pictures.ts'
import { type Loading } from '../src/pictures/read-ahead.ts'
import { openBytes } from '../src/storage/open-bytes.ts'

/** Options of {@link fromCoco}. */
export type FromCocoOptions = ManifestOptions

const name = 'fromCoco'

const fields: readonly Field[] = [
  ...pictureFields,
  new Field('width', new Int32(), true),
  new Field('height', new Int32(), true),
  boxesField('boxes'),
  boxLabelsField,
  listField('box_ids', new Int64()),
  listField('box_areas', new Float64()),
  listField('box_crowds', new Bool()),
]

/**
 * Reads the images of a COCO file (`instances_val2017.json`) with their boxes.
 *
 * - Rows: one for each of `images`, in their order; an image without annotations has empty lists. Delivery: each
 *   once; a resumed run reads the file again and goes on at the image it had come to.
 * - Columns: `id` (`file_name`), `uri`, `label` (the category, where all boxes have one), `split`, `image` (Binary, heavy),
 *   `bytes`, `width`, `height` (Int32, as the file says), `boxes` (lists of x, y, width, height in pixels, from the
 *   upper left corner at 0, 0), and in their order `box_labels` (names of categories), `box_ids`, `box_areas`, `box_crowds`.
 *   Segmentations and keypoints are left out.
 * - Where the pictures are: in `root`; without it beside the file, or, if that is `annotations/instances_SET.json`, in `SET`
 *   beside `annotations`.
 * - Faults (`onError`): `FORMAT` (an annotation without image, category or box, which is left out alone; an image
 *   without `file_name`, or whose id or name was there before); of pictures as `fromCsv`.
 * - Memory: names of all images, 80 bytes for each annotation, and 4 times `batchBytes`. The file is read as a stream.
 *
 * @throws {OptionError} at the call, if an option is wrong
 * @throws {ConnectorError} on the stream, if the file cannot be read
 * @throws {DataError} on the stream, if it is empty, cut or no COCO file, or something is at fault and `onError` is 'fail'
 * @see https://cocodataset.org/#format-data
 * @example
 * fromCoco('coco/annotations/instances_val2017.json', { onError: 'reject' }).pipe(decode())
 */
export function fromCoco(location: string, options: FromCocoOptions = {}): Flow<RecordBatch> {
  return pictureList<number>(location, options, {
    name,
    fields,
    entries,
  })
}

/** What is behind a position: annotations at fault first, then images. */
async function* entries(
  { location, settings, reading }: ListReading,
  from = 0,
): AsyncGenerator<LoadedEntry<number>> {
  const { signal, only, wanted } = reading
  const index = await indexOf(location, settings, signal)
  const { images, misplaced } = index
  const { prefix, split = null, links, storage } = settings
  const root = settings.root ?? usualRoot(location)
  const pictures = new LinkedPictures({ root, links, storage, wanted, signal })

  async function open(at: number): Promise<Loading<LoadedEntry<number>>> {
    const position = misplaced.length + at + 1
    const { name, width, height, fault } = images[at] as (typeof images)[number]
    const id = prefix + (name || `images#${String(at)}`)
    if (fault !== undefined) {
      const faults = [{ id, code: 'FORMAT', message: fault }]
      return { bytes: 0, load: () => ({ position, faults }) }
    }
    if (only && !only.has(id)) return { bytes: 0, load: () => ({ position }) }
    const { bytes, load } = await pictures.open(name)
    return {
      bytes,
      async load() {
        const picture = await load()
        if ('code' in picture) return { position, faults: [{ id, ...picture }] }
        const { boxes, labels, ids, areas, crowds } = index.boxesOf(at)
        const known = [id, picture.uri, commonLabel(labels), split, picture.image, picture.bytes]
        const row = [...known, width, height, boxes, labels, ids, areas, crowds]
        return { position, row, bytes: bytes + 72 * labels.length }
      },
    }
  }

  for (let at = from; at < misplaced.length; at++) {
    const fault = index.faultOf(misplaced[at] as (typeof misplaced)[number])
    yield { position: at + 1, faults: [{ ...fault, id: prefix + fault.id }] }
  }
  const first = Math.max(0, from - misplaced.length)
  yield* readLinked(numbers(first, images.length), open, reading)
}

async function indexOf(
  location: string,
  { storage }: ManifestSettings,
  signal: AbortSignal,
): Promise<CocoIndex> {
  const source = await openBytes(location, storage)
  try {
    return await CocoIndex.read(source, signal)
  } finally {
    await source.close()
  }
}

/** Where the pictures of COCO lie: `annotations/instances_val2017.json` goes with `val2017`. */
function usualRoot(location: string): string {
  const folder = folderOf(location).replace(/(.)\/$/, '$1')
  const [, set] = /^[a-z]+_(?:[a-z]+_)?([a-z]+\d{4})\.json$/i.exec(nameOf(location)) ?? []
  const inAnnotations = /(^|\/)annotations$/.test(folder)
  return set !== undefined && inAnnotations ? folder.replace(/annotations$/, set) : folder
}

// eslint-disable-next-line @typescript-eslint/require-await -- the same shape as a listing
async function* numbers(from: number, to: number): AsyncGenerator<number> {
  for (let at = from; at < to; at++) yield at
}

function listField(name: string, type: DataType): Field {
  return new Field(name, new List(new Field('item', type, true)), true)
}
