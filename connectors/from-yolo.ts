import { posix } from 'node:path'
import { Field, Int32, type RecordBatch } from 'apache-arrow'
import type { Flow } from '../src/flow/flow.ts'
import { boxesField, boxLabelsField, commonLabel } from '../src/manifests/boxes.ts'
import { linkedText } from '../src/manifests/linked-text.ts'
import {
  type Fault,
  type LoadedEntry,
  pictureFields,
  type Reading,
} from '../src/manifests/list-source.ts'
import { type ListReading, pictureList } from '../src/manifests/picture-list.ts'
import { type ManifestOptions, type ManifestSettings } from '../src/manifests/manifest-options.ts'
import {
  inPixels,
  type YoloFormat,
  type YoloLabels,
  yoloLabels,
} from '../src/manifests/yolo-labels.ts'
import { YoloDataset, type YoloPicture, type YoloPosition } from '../src/manifests/yolo-dataset.ts'
import { LinkedPictures, type LinkFault, readLinked } from '../src/pictures/linked-pictures.ts'
import { encodedSize } from '../src/pictures/picture-size.ts'
import { type Loading } from '../src/pictures/read-ahead.ts'

/** Options of {@link fromYolo}. */
export type FromYoloOptions = ManifestOptions

const name = 'fromYolo'

const fields: readonly Field[] = [
  ...pictureFields,
  new Field('width', new Int32(), true),
  new Field('height', new Int32(), true),
  boxesField('boxes'),
  boxLabelsField,
]

/**
 * Reads pictures with their boxes from a dataset of Ultralytics YOLO: its `data.yaml`, or the folder that has one.
 *
 * - Rows: the pictures of train, val and test, in this order; those of a folder sorted as in `fromFiles`, those of a
 *   list (`.txt`) as they stand. A picture without a label file has empty lists. Delivery: each once; a resumed run goes on after the last picture it had come to.
 * - Columns: `id` (path in the dataset), `uri`, `label` (the class, where all boxes have one), `split`, `image` (Binary, heavy), `bytes`,
 *   `width`, `height` (Int32, of the picture, after EXIF), `boxes` (lists of x, y, width, height in pixels, from the upper
 *   left corner at 0, 0; of a polygon the box around it), `box_labels`. Points and polygons themselves are left out.
 * - Where the dataset is: `path` in `data.yaml`, from where that lies, or `root`. What leads out of it is refused, but for `../` in
 *   front of a path where there is nothing above, as Roboflow writes it. Labels are in `labels` where the pictures are in `images`.
 * - Every picture is read for its size, wanted or not.
 * - Faults (`onError`): `FORMAT` (a line of labels, named `file#line`, which is left out alone; a picture whose label file is no
 *   text), `DAMAGED` (the size of the picture cannot be read); of pictures as `fromCsv`.
 * - Memory: 4 times `batchBytes`.
 *
 * @throws {OptionError} at the call, if an option is wrong
 * @throws {ConnectorError} on the stream, if `data.yaml` or a folder cannot be read, or there is no picture
 * @throws {DataError} on the stream, if `data.yaml` is none, leads out of its folder, or something is at fault and `onError` is 'fail'
 * @see https://docs.ultralytics.com/datasets/detect/
 * @example
 * fromYolo('coco8/data.yaml', { onError: 'reject' }).pipe(decode())
 */
export function fromYolo(location: string, options: FromYoloOptions = {}): Flow<RecordBatch> {
  return pictureList<YoloPosition>(location, options, {
    name,
    fields,
    entries,
    expected: (where) => `pictures in the dataset of \`${where}\``,
  })
}

async function* entries(
  { location, settings, reading }: ListReading,
  from: YoloPosition | undefined,
): AsyncGenerator<LoadedEntry<YoloPosition>> {
  const dataset = await YoloDataset.open(location, settings, reading.signal)
  yield* readLinked(dataset.pictures(from), opener(dataset, settings, reading), reading)
}

/** How the row of a picture is made. */
function opener(
  { root, config }: YoloDataset,
  { links, storage, prefix, split: given }: ManifestSettings,
  { signal, only }: Reading,
): (picture: YoloPicture) => Promise<Loading<LoadedEntry<YoloPosition>>> {
  const files = new LinkedPictures({ root, links, storage, signal, wanted: true })

  return async ({ path, split, position }) => {
    const id = prefix + path
    const labels = await labelsOf(labelPath(path), { files, config, prefix })
    if ('code' in labels)
      return { bytes: 0, load: () => ({ position, faults: [{ ...labels, id }] }) }
    const { faults } = labels
    if (only && !only.has(id)) return { bytes: 0, load: () => ({ position, faults }) }
    const { bytes, load } = await files.open(path)
    return {
      bytes,
      async load() {
        const picture = await load()
        if ('code' in picture) return { position, faults: [...faults, { id, ...picture }] }
        const size = await encodedSize(picture.image ?? new Uint8Array())
        if (!size) return { position, faults: [...faults, { id, ...damaged }] }
        const names = labels.classes.map((each) => config.names?.get(each) ?? String(each))
        const { uri, image } = picture
        const known = [id, uri, commonLabel(names), given ?? split, image, picture.bytes]
        const row = [...known, size.width, size.height, inPixels(labels.boxes, size), names]
        return { position, faults, bytes, row }
      },
    }
  }
}

const damaged = {
  code: 'DAMAGED',
  message: 'Expected a picture whose size can be read, got something else',
}

/** What a label file says; a picture without one has no boxes. */
async function labelsOf(
  path: string,
  {
    files,
    config,
    prefix,
  }: { readonly files: LinkedPictures; readonly config: YoloFormat; readonly prefix: string },
): Promise<(Omit<YoloLabels, 'faults'> & { readonly faults: readonly Fault[] }) | LinkFault> {
  const text = await linkedText(files, path)
  if (typeof text !== 'string')
    return text.code === 'MISSING' ? { boxes: [], classes: [], faults: [] } : text
  const labels = yoloLabels(text, config)
  const faults = labels.faults.map(({ line, message }) => {
    return { id: `${prefix}${path}#${String(line)}`, code: 'FORMAT', message }
  })
  return { ...labels, faults }
}

/** Where the labels of a picture are: in `labels` where it is in `images`, else beside it. */
function labelPath(picture: string): string {
  const path = picture.replace(/(.*\/|^)images\//, '$1labels/')
  return `${path.slice(0, path.length - posix.extname(path).length)}.txt`
}
