import { posix, relative, resolve } from 'node:path'
import { DataError } from '../errors.ts'
import { isInside } from '../path-inside.ts'
import type { FileRoot } from '../pictures/file-root.ts'
import { fileRoots } from '../pictures/file-roots.ts'
import { folderOf } from '../pictures/linked-pictures.ts'
import { pictureExtensions } from '../pictures/picture-format.ts'
import { type BytePath, pathText } from '../pictures/walk-files.ts'
import { parseLocation } from '../storage/location.ts'
import { openBytes } from '../storage/open-bytes.ts'
import { storageSettings } from '../storage/storage-options.ts'
import type { ManifestSettings } from './manifest-options.ts'
import { limitBytes, linesOf, startOfText, utf8 } from './text-lines.ts'
import { type YoloConfig, yoloConfig } from './yolo-config.ts'

/** The last picture: the folder or list that it is of, and where in it. */
export interface YoloPosition {
  /** Index of the folder or list. */
  readonly place: number
  /** Path in the folder, or offset and number of the next line of the list. */
  readonly after: BytePath | { readonly offset: number; readonly line: number }
}

/** A picture of a dataset. */
export interface YoloPicture {
  /** Path in the dataset. */
  readonly path: string
  /** Its part of the dataset. */
  readonly split: string
  /** To go on behind it. */
  readonly position: YoloPosition
}

/** A dataset: what its `data.yaml` says, and the pictures that are there. */
export class YoloDataset {
  /** What its `data.yaml` says. */
  readonly config: YoloConfig
  /** Where it lies. */
  readonly root: string
  readonly #settings: ManifestSettings
  readonly #signal: AbortSignal

  private constructor(
    config: YoloConfig,
    root: string,
    { settings, signal }: { readonly settings: ManifestSettings; readonly signal: AbortSignal },
  ) {
    this.config = config
    this.root = root
    this.#settings = settings
    this.#signal = signal
  }

  /**
   * Opens the dataset of a `data.yaml`, or of the folder that has one.
   *
   * @throws {ConnectorError} if it cannot be read
   * @throws {DataError} if it is none, or leads out of its folder
   */
  static async open(
    location: string,
    settings: ManifestSettings,
    signal: AbortSignal,
  ): Promise<YoloDataset> {
    const url = /\.ya?ml$/i.test(location) ? location : joined(location, 'data.yaml')
    const config = yoloConfig(await textOf(url, settings, signal), url)
    const folder = folderOf(url)
    const path = config.path ?? '.'
    const leadsOut = pathWithin(folder, path) === undefined
    if (settings.root === undefined && settings.links === 'within' && leadsOut)
      throw new DataError(
        `Expected \`path\` of ${url} to stay in its folder, got \`${path}\`: give the folder of the dataset as \`root\``,
        { url },
      )
    return new YoloDataset(config, settings.root ?? joined(folder, path), { settings, signal })
  }

  /** The pictures behind a position. */
  async *pictures(from: YoloPosition | undefined): AsyncGenerator<YoloPicture> {
    for (const [place, { split, path: given }] of this.config.places.entries()) {
      if (from && place < from.place) continue
      const after = from?.place === place ? from.after : undefined
      const path = this.#pathOf(given)
      const found = /\.txt$/i.test(path)
        ? this.#inList(path, typeof after === 'object' ? after : undefined)
        : this.#inFolder(path, typeof after === 'string' ? after : undefined)
      for await (const { path, after } of found) yield { path, split, position: { place, after } }
    }
  }

  async *#inFolder(
    path: string,
    after: BytePath | undefined,
  ): AsyncGenerator<{ readonly path: string; readonly after: BytePath }> {
    const { links, storage } = this.#settings
    const options = { links, storage: storageSettings(storage) }
    const [root] = (await fileRoots([joined(this.root, path)], options)) as [FileRoot]
    for await (const found of root.find(after, this.#signal))
      if (isPicture(found.path))
        yield { path: posix.join(path, pathText(found.path)), after: found.path }
  }

  /** Paths in a list are from the dataset's folder, with `./` in front from that of the list. */
  async *#inList(
    path: string,
    from: { readonly offset: number; readonly line: number } | undefined,
  ): AsyncGenerator<{
    readonly path: string
    readonly after: { readonly offset: number; readonly line: number }
  }> {
    const source = await openBytes(joined(this.root, path), this.#settings.storage)
    try {
      const start = from ?? (await startOfText(source, this.#signal))
      for await (const { bytes, next, line } of linesOf(source, start, this.#signal)) {
        const text = Buffer.from(bytes).toString().trim()
        const after = { offset: next, line: line + 1 }
        if (text.startsWith('./')) yield { path: posix.join(posix.dirname(path), text), after }
        else if (text !== '') yield { path: text, after }
      }
    } finally {
      await source.close()
    }
  }

  /** A path of `data.yaml`, from the dataset's folder. */
  #pathOf(path: string): string {
    if (this.#settings.links === 'all') return path
    // There is nothing above the folder that is meant.
    const below = pathWithin(this.root, posix.normalize(path).replace(/^(?:\.\.\/)+/, ''))
    if (below !== undefined) return below
    const url = this.root
    throw new DataError(`Expected paths of data.yaml to stay in ${url}, got \`${path}\``, { url })
  }
}

const extensions: ReadonlySet<string> = new Set(pictureExtensions)

function isPicture(path: string): boolean {
  return extensions.has(posix.extname(path).slice(1).toLowerCase())
}

/** `path` from `folder` on; undefined if it leads out. */
function pathWithin(folder: string, path: string): string | undefined {
  if (parseLocation('root', folder).kind !== 'file') {
    const below = posix.normalize(path)
    return below.startsWith('/') || /^\.\.(?:\/|$)/.test(below) ? undefined : below
  }
  const whole = resolve(folder, path)
  return isInside(resolve(folder), whole) ? relative(folder, whole) || '.' : undefined
}

function joined(folder: string, path: string): string {
  if (parseLocation('root', folder).kind === 'file') return resolve(folder, path)
  const below = posix.normalize(path)
  return below === '.' ? folder : `${folder.replace(/\/$/, '')}/${below}`
}

async function textOf(
  location: string,
  { storage }: ManifestSettings,
  signal: AbortSignal,
): Promise<string> {
  const source = await openBytes(location, storage)
  try {
    const size = await source.size(signal)
    const text = size <= limitBytes ? utf8(await source.read(0, size, signal)) : undefined
    if (text !== undefined) return text
    const { url } = source
    throw new DataError(`Expected ${url} to be text in UTF-8, got something else`, { url })
  } finally {
    await source.close()
  }
}
