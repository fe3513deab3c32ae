import { DataError } from '../errors.ts'
import type { ByteSource } from '../storage/byte-source.ts'
import { isBox } from './boxes.ts'
import { jsonElements } from './json-elements.ts'
import type { JsonObject } from './json-records.ts'
import { jsonText, parseJson } from './json-text.ts'
import type { Fault } from './list-source.ts'

/** An image of a COCO file. */
export interface CocoImage {
  /** Its path; empty where it has none. */
  readonly name: string
  /** In pixels. */
  readonly width: number | null
  /** In pixels. */
  readonly height: number | null
  /** Why it is refused. */
  readonly fault?: string
}

/** The annotations of an image, in the order of the file. */
export interface CocoBoxes {
  /** Four numbers each. */
  readonly boxes: Float64Array
  /** Names of their categories. */
  readonly labels: readonly string[]
  /** Their ids; null where it is no integer. */
  readonly ids: readonly (bigint | null)[]
  /** Areas of what they enclose, in pixels. */
  readonly areas: readonly (number | null)[]
  /** Whether it is a crowd. */
  readonly crowds: readonly boolean[]
}

const lists = new Set(['images', 'annotations', 'categories'])

/**
 * What a COCO file says of its images: their names and sizes, and of each annotation its box, category, area and ids,
 * some 80 bytes. Segmentations are not kept.
 *
 * @see https://cocodataset.org/#format-data
 */
export class CocoIndex {
  /** The images, as they stand. */
  readonly images: CocoImage[] = []
  /** Annotations that belong to no image or category, or have no box, and why. */
  readonly misplaced: { readonly at: number; readonly why: 'image' | 'category' | 'box' }[] = []
  readonly #names = new Set<string>()
  readonly #imageAt = new Map<unknown, number>()
  readonly #categories = new Map<unknown, string>()
  /** Of each annotation. */
  readonly #imageIds: unknown[] = []
  readonly #categoryIds: unknown[] = []
  readonly #ids: unknown[] = []
  readonly #boxes: number[] = []
  readonly #areas: number[] = []
  readonly #crowds: boolean[] = []
  /** The annotations by image: those of image i are `#order[#starts[i]]` to `#order[#starts[i + 1] - 1]`. */
  #order = new Int32Array()
  #starts = new Int32Array()

  /**
   * Reads a file from one end to the other.
   *
   * @throws {DataError} if it is no COCO file, or damaged
   */
  static async read(source: ByteSource, signal: AbortSignal): Promise<CocoIndex> {
    const index = new CocoIndex()
    const { url } = source
    const seen = new Set<string>()
    for await (const { list, text } of jsonElements(source, lists, signal)) {
      seen.add(list)
      index.#add(list, parsed(text, url))
    }
    if (!seen.has('images'))
      throw new DataError(`Expected a list of \`images\` in ${url}, got none`, { url })
    index.#sort()
    return index
  }

  /** The boxes of an image. */
  boxesOf(image: number): CocoBoxes {
    const at = this.#order.subarray(this.#starts[image], this.#starts[image + 1])
    const boxes = new Float64Array(4 * at.length)
    at.forEach((each, i) => {
      boxes.set(this.#boxes.slice(4 * each, 4 * each + 4), 4 * i)
    })
    return {
      boxes,
      labels: Array.from(at, (each) => this.#categories.get(this.#categoryIds[each]) ?? ''),
      ids: Array.from(at, (each) => integer(this.#ids[each])),
      areas: Array.from(at, (each) =>
        Number.isNaN(this.#areas[each]) ? null : (this.#areas[each] ?? null),
      ),
      crowds: Array.from(at, (each) => this.#crowds[each] ?? false),
    }
  }

  /** The fault of one of {@link misplaced}. */
  faultOf({ at, why }: CocoIndex['misplaced'][number]): Fault {
    const id = `annotation ${jsonText(this.#ids[at] ?? at)}`
    const got = { image: this.#imageIds[at], category: this.#categoryIds[at], box: null }[why]
    const message =
      why === 'box'
        ? 'Expected `bbox` to be four numbers, got something else'
        : `Expected \`${why}_id\` to be that of one of the ${why === 'image' ? 'images' : 'categories'}, got ${jsonText(got ?? null)}`
    return { id, code: 'FORMAT', message }
  }

  #add(list: string, object: JsonObject): void {
    if (list === 'images') this.#addImage(object)
    else if (list === 'categories')
      this.#categories.set(
        object.id,
        typeof object.name === 'string' ? object.name : jsonText(object.id ?? null),
      )
    else {
      const { bbox, area } = object
      this.#imageIds.push(object.image_id)
      this.#categoryIds.push(object.category_id)
      this.#ids.push(object.id)
      this.#areas.push(typeof area === 'number' ? area : NaN)
      this.#crowds.push(object.iscrowd === 1 || object.iscrowd === true)
      this.#boxes.push(...(isBox(bbox) ? bbox : [NaN, NaN, NaN, NaN]))
    }
  }

  #addImage({ id, file_name: given, width, height }: JsonObject): void {
    const name = typeof given === 'string' ? given : ''
    const fault =
      name === ''
        ? 'Expected an image to have `file_name`, got none'
        : this.#imageAt.has(id)
          ? `Expected each image id once, got ${jsonText(id ?? null)} again`
          : this.#names.has(name)
            ? `Expected each \`file_name\` once, got \`${name}\` again`
            : undefined
    if (fault === undefined) this.#imageAt.set(id, this.images.length)
    this.#names.add(name)
    const size = { width: side(width), height: side(height) }
    this.images.push({ name, ...size, ...(fault !== undefined && { fault }) })
  }

  /** Sorts the annotations by image. */
  #sort(): void {
    const images = this.#imageIds.map((id, at) => this.#placeOf(id, at))
    this.#starts = new Int32Array(this.images.length + 1)
    for (const image of images)
      if (image >= 0) this.#starts[image + 1] = (this.#starts[image + 1] ?? 0) + 1
    for (let i = 1; i < this.#starts.length; i++)
      this.#starts[i] = (this.#starts[i] ?? 0) + (this.#starts[i - 1] ?? 0)
    const next = this.#starts.slice()
    this.#order = new Int32Array(this.#starts.at(-1) ?? 0)
    for (const [at, image] of images.entries()) {
      if (image < 0) continue
      this.#order[next[image] ?? 0] = at
      next[image] = (next[image] ?? 0) + 1
    }
  }

  /** The image of an annotation; -1 where it is misplaced. */
  #placeOf(id: unknown, at: number): number {
    const image = this.#imageAt.get(id)
    const category = this.#categories.has(this.#categoryIds[at])
    const box = !Number.isNaN(this.#boxes[4 * at])
    if (image !== undefined && category && box) return image
    this.misplaced.push({ at, why: image === undefined ? 'image' : category ? 'box' : 'category' })
    return -1
  }
}

function parsed(text: string, url: string): JsonObject {
  try {
    return parseJson(text) as JsonObject
  } catch (cause) {
    const { message } = cause as SyntaxError
    throw new DataError(`Expected JSON in ${url}, got ${message}`, { url }, { cause })
  }
}

function side(value: unknown): number | null {
  return Number.isInteger(value) ? (value as number) : null
}

function integer(value: unknown): bigint | null {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : null
  return Number.isSafeInteger(value) ? BigInt(value as number) : null
}
