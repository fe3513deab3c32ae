import { posix } from 'node:path'
import { Bool, Field, Int32, List, type RecordBatch } from 'apache-arrow'
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
  type VocAnnotation,
  vocAnnotation,
  VocError,
  type VocObject,
} from '../src/manifests/voc-annotation.ts'
import type { FileRoot } from '../src/pictures/file-root.ts'
import { fileRoots } from '../src/pictures/file-roots.ts'
import {
  type LinkedPicture,
  LinkedPictures,
  type LinkFault,
  readLinked,
} from '../src/pictures/linked-pictures.ts'
import { type Loading } from '../src/pictures/read-ahead.ts'
import { type BytePath, pathText } from '../src/pictures/walk-files.ts'
import { storageSettings } from '../src/storage/storage-options.ts'

/** Options of {@link fromVoc}. */
export type FromVocOptions = ManifestOptions

const name = 'fromVoc'

const fields: readonly Field[] = [
  ...pictureFields,
  new Field('width', new Int32(), true),
  new Field('height', new Int32(), true),
  boxesField('boxes'),
  boxLabelsField,
  ...['box_difficult', 'box_truncated'].map(
    (each) => new Field(each, new List(new Field('item', new Bool(), true)), true),
  ),
]

/**
 * Reads pictures with their boxes from a folder of PASCAL VOC annotations, an XML file for each picture: `Annotations` beside
 * `JPEGImages` (also several such, as in `VOCdevkit`), or XML files beside the pictures.
 *
 * - Rows: one for each XML file, names sorted as in `fromFiles`; one without objects has empty lists. Pictures without
 *   an XML file are not looked for. Delivery: each once; a resumed run goes on after the last file it had come to.
 * - Columns: `id` (path of the picture in the folder), `uri`, `label` (the class, where all boxes have one), `split` (the list in
 *   `ImageSets/Main` that has it: train, val, test, else trainval), `image` (Binary, heavy), `bytes`, `width`, `height` (Int32, as
 *   the file says), `boxes` (lists of x, y, width, height in pixels, from the upper left corner at 0, 0; VOC counts
 *   pixels from 1 and has the last one inside), `box_labels`, `box_difficult`, `box_truncated`. Parts, poses and segmentations are left out.
 * - Where the pictures are: as above; with `root` all of them in that folder.
 * - Faults (`onError`): `FORMAT` (no VOC annotation; an object without corners, which is left out alone), `TOO_LARGE` (above
 *   16 MiB); of pictures as `fromCsv`.
 * - Memory: the names in `ImageSets`, and 4 times `batchBytes`.
 *
 * @throws {OptionError} at the call, if an option is wrong
 * @throws {ConnectorError} on the stream, if the folder cannot be read, or has no XML file
 * @throws {DataError} on the stream, if something is at fault and `onError` is 'fail'
 * @see http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf
 * @example
 * fromVoc('VOCdevkit/VOC2012', { onError: 'reject' }).pipe(decode())
 */
export function fromVoc(location: string, options: FromVocOptions = {}): Flow<RecordBatch> {
  return pictureList<BytePath>(location, options, {
    name,
    fields,
    entries,
    expected: (where) => `XML files of VOC in \`${where}\``,
  })
}

async function* entries(
  { location, settings, reading }: ListReading,
  from: BytePath | undefined,
): AsyncGenerator<LoadedEntry<BytePath>> {
  const { links, storage } = settings
  const stored = { links, storage: storageSettings(storage) }
  const [root] = (await fileRoots([location], stored)) as [FileRoot]

  async function* annotations(): AsyncGenerator<BytePath> {
    const found = root.find(from, reading.signal)
    for await (const { path } of found) if (/\.xml$/i.test(path)) yield path
  }

  yield* readLinked(annotations(), opener(location, settings, reading), reading)
}

/** How the row of an XML file is made, by its path. */
function opener(
  location: string,
  { root, links, storage, prefix, split }: ManifestSettings,
  { signal, wanted, only }: Reading,
): (position: BytePath) => Promise<Loading<LoadedEntry<BytePath>>> {
  const linked = { links, storage, signal, wanted }
  const pictures = new LinkedPictures({ ...linked, root: root ?? location })
  const texts = new LinkedPictures({ ...linked, root: location, wanted: true })
  const splits = new VocSplits(texts)

  return async (position) => {
    const path = pathText(position)
    const text = await linkedText(texts, path)
    const read = typeof text === 'string' ? annotationIn(text) : text
    if ('code' in read)
      return { bytes: 0, load: () => ({ position, faults: [{ ...read, id: prefix + path }] }) }
    const { picture = `${posix.basename(path, posix.extname(path))}.jpg`, objects } = read
    const link = root === undefined ? posix.join(pictureFolder(path), picture) : picture
    const id = prefix + link
    const faults = objects.flatMap((object, at) =>
      faultOf(object, `${prefix}${path}#${String(at)}`),
    )
    if (only && !only.has(id)) return { bytes: 0, load: () => ({ position, faults }) }
    const part = split ?? (await splits.of(path))
    const { bytes, load } = await pictures.open(link)
    return {
      bytes,
      async load() {
        const loaded = await load()
        if ('code' in loaded) return { position, faults: [...faults, { id, ...loaded }] }
        return { position, faults, bytes, row: rowOf(id, part, { ...loaded, annotation: read }) }
      },
    }
  }
}

function annotationIn(text: string): VocAnnotation | LinkFault {
  try {
    return vocAnnotation(text)
  } catch (error) {
    if (error instanceof VocError) return { code: 'FORMAT', message: error.message }
    throw error
  }
}

function faultOf({ name, box }: VocObject, id: string): readonly Fault[] {
  if (box) return []
  const message = `Expected a box from xmin, ymin to xmax, ymax for \`${name}\`, got something else`
  return [{ id, code: 'FORMAT', message }]
}

function rowOf(
  id: string,
  split: string | null,
  { uri, image, bytes, annotation }: LinkedPicture & { readonly annotation: VocAnnotation },
): readonly unknown[] {
  const { width, height } = annotation
  const objects = annotation.objects.filter(({ box }) => box)
  const labels = objects.map(({ name }) => name)
  const boxes = Float64Array.from(objects.flatMap(({ box }) => box ?? []))
  const flags = [objects.map((o) => o.difficult), objects.map((o) => o.truncated)]
  const known = [id, uri, commonLabel(labels), split, image, bytes, width, height]
  return [...known, boxes, labels, ...flags]
}

/** Where the picture of an XML file lies: in `JPEGImages` beside `Annotations`, or beside the file. */
function pictureFolder(path: string): string {
  return posix.dirname(path).replace(/(^|\/)Annotations(?=\/|$)/, '$1JPEGImages')
}

/** The lists in `ImageSets/Main`; a picture is in the first of these that has it. */
const splitNames = ['train', 'val', 'test', 'trainval']

/** The splits of pictures, from the lists beside their `Annotations`. */
class VocSplits {
  readonly #texts: LinkedPictures
  /** By folder, then by name without extension. */
  readonly #read = new Map<string, Promise<ReadonlyMap<string, string>>>()

  constructor(texts: LinkedPictures) {
    this.#texts = texts
  }

  /** The split of the picture that an XML file is for. */
  async of(path: string): Promise<string | null> {
    const [, folder, name = ''] = /^((?:.*\/)?)Annotations\/(.*)\.xml$/i.exec(path) ?? []
    if (folder === undefined) return null
    const reading = this.#read.get(folder) ?? this.#readAll(`${folder}ImageSets/Main`)
    this.#read.set(folder, reading)
    return (await reading).get(name) ?? null
  }

  async #readAll(folder: string): Promise<ReadonlyMap<string, string>> {
    const splits = new Map<string, string>()
    for (const split of splitNames) {
      const text = await linkedText(this.#texts, `${folder}/${split}.txt`)
      if (typeof text !== 'string') continue
      for (const line of text.split('\n')) {
        const [name = ''] = line.trim().split(/\s+/)
        if (name !== '' && !splits.has(name)) splits.set(name, split)
      }
    }
    return splits
  }
}
