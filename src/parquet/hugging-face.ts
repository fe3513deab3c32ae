import {
  Binary,
  type Data,
  DataType,
  Field,
  makeData,
  makeVector,
  type RecordBatch,
  Schema,
  type Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { heavy } from '../batch/schema.ts'
import { DataError } from '../errors.ts'
import type { ColumnOrigin } from './projection.ts'

/** Whether the conventions of Hugging Face datasets are followed. */
export type Conventions = (typeof conventionChoices)[number]

/** The choices for {@link Conventions}. */
export const conventionChoices = ['huggingface', 'none'] as const

/** Key of the file's metadata. */
const metadataKey = 'huggingface'

/** What a file says of a column; of what is there only some is of use. */
interface Feature {
  readonly _type?: unknown
  readonly names?: unknown
}

/** What is known of a file beside its schema. */
interface Said {
  readonly metadata: ReadonlyMap<string, string>
  readonly url: string
  readonly conventions: Conventions
}

/** A column of the file that is given otherwise than it is stored. */
type Translated =
  | { readonly kind: 'picture'; readonly uri: boolean }
  | { readonly kind: 'label'; readonly names: readonly string[] }

/**
 * The columns of Hugging Face datasets as the usual ones.
 *
 * - A picture, `struct<bytes: binary, path: string>`, is a heavy column of its bytes. The path of the column `image`
 *   is the column `uri`, unless there is one.
 * - A class label, integers for which the file's metadata have names, is a column of these; -1 and null are null.
 */
export class HuggingFace {
  /** The schema of the file. */
  readonly stored: Schema
  /** The schema with the usual columns. */
  readonly schema: Schema
  readonly #columns = new Map<string, Translated>()
  readonly #storedNames: ReadonlySet<unknown>
  readonly #names: ReadonlySet<unknown>
  readonly #url: string

  /** Of `stored`, the schema of a file at `url` with key-value `metadata`. */
  constructor(stored: Schema, { metadata, url, conventions }: Said) {
    this.stored = stored
    this.#storedNames = new Set(stored.names)
    this.#url = url
    // Writers of Arrow put it into that schema, those of Parquet beside it.
    const said = metadata.get(metadataKey) ?? stored.metadata.get(metadataKey)
    if (conventions === 'huggingface') this.#translate(featuresOf(said))
    this.schema = this.#columns.size === 0 ? stored : this.#usual()
    this.#names = new Set(this.schema.names)
  }

  /** Where the column `name` comes from, if there is one. */
  origin(name: string): ColumnOrigin | undefined {
    const translated = this.#columns.get(name)
    if (translated?.kind === 'picture') return { column: name, field: 'bytes' }
    if (this.#storedNames.has(name)) return { column: name, field: undefined }
    return this.#names.has(name) ? { column: 'image', field: 'path' } : undefined
  }

  /** The values of the column `name`, of rows as they are stored. */
  vector(batch: RecordBatch, name: string): Vector {
    const from = this.origin(name)
    const stored = column(batch, from?.column ?? name)
    if (from?.field !== undefined) return childOf(stored, from.field)
    const translated = this.#columns.get(name)
    return translated?.kind === 'label' ? this.#named(name, stored, translated.names) : stored
  }

  #translate(features: Readonly<Record<string, Feature | undefined>>): void {
    const hasUri = this.#storedNames.has('uri')
    for (const { name, type } of this.stored.fields) {
      const feature = features[name]
      if (isPicture(type as DataType) && (feature === undefined || feature._type === 'Image'))
        this.#columns.set(name, { kind: 'picture', uri: name === 'image' && !hasUri })
      else if (isClassLabel(feature) && DataType.isInt(type as DataType))
        this.#columns.set(name, { kind: 'label', names: feature.names })
    }
  }

  #usual(): Schema {
    const { fields, metadata } = this.stored
    const usual = fields.flatMap((field) => {
      const { name } = field
      const translated = this.#columns.get(name)
      if (!translated) return [field]
      if (translated.kind === 'label') return [new Field(name, new Utf8(), true)]
      const image = heavy(new Field(name, new Binary(), true))
      return translated.uri ? [image, new Field('uri', new Utf8(), true)] : [image]
    })
    // It would say of the columns what is no longer so.
    return new Schema(usual, new Map([...metadata].filter(([key]) => key !== metadataKey)))
  }

  #named(name: string, stored: Vector, names: readonly string[]): Vector {
    const texts: (string | null)[] = []
    for (let row = 0; row < stored.length; row++) {
      const value: unknown = stored.get(row)
      const number = value === null ? -1 : Number(value)
      const text = number === -1 ? null : names[number]
      if (text === undefined)
        throw new DataError(
          `Expected class label \`${name}\` of ${this.#url} to be from -1 to ${String(names.length - 1)}, got ${String(value)}; read the numbers with conventions: 'none'`,
          { url: this.#url },
        )
      texts.push(text)
    }
    return vectorFromArray(texts, new Utf8())
  }
}

/** `info.features` of the metadata; nothing where it is of another form. */
function featuresOf(json: string | undefined): Readonly<Record<string, Feature | undefined>> {
  if (json === undefined) return {}
  try {
    const said = JSON.parse(json) as { info?: { features?: unknown } } | null
    const features = said?.info?.features
    return typeof features === 'object' && features !== null ? (features as never) : {}
  } catch (error) {
    // It is a note for another reader; without it the columns are as they are stored.
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function isClassLabel(feature: Feature | undefined): feature is { names: readonly string[] } {
  const names = feature?._type === 'ClassLabel' ? feature.names : undefined
  return Array.isArray(names) && names.every((each) => typeof each === 'string')
}

function isPicture(type: DataType): boolean {
  if (!DataType.isStruct(type) || type.children.length !== 2) return false
  const types = new Map(type.children.map((child) => [child.name, child.type as DataType]))
  const [bytes, path] = [types.get('bytes'), types.get('path')]
  return (
    bytes !== undefined && DataType.isBinary(bytes) && path !== undefined && DataType.isUtf8(path)
  )
}

/** A field of structs, null where the struct is. */
function childOf(structs: Vector, name: string): Vector {
  const parts = (structs.data as readonly Data<Struct>[]).map((data) => {
    const at = data.type.children.findIndex((each) => each.name === name)
    const child = data.children[at] as Data<Binary>
    if (data.nullCount === 0) return child
    const { type, length, offset, valueOffsets, values } = child
    const nullBitmap = new Uint8Array((offset + length + 7) >> 3)
    let nullCount = 0
    for (let row = 0; row < length; row++) {
      const bit = offset + row
      if (data.getValid(row) && child.getValid(row))
        nullBitmap[bit >> 3] = (nullBitmap[bit >> 3] ?? 0) | (1 << (bit & 7))
      else nullCount++
    }
    const bytes = { valueOffsets, data: values }
    return makeData({ type, length, offset, nullCount, nullBitmap, ...bytes })
  })
  return makeVector(parts)
}
