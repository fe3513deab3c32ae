import { pictureExtensions } from '../pictures/picture-format.ts'
import { type BytePath, pathText } from '../pictures/walk-files.ts'
import type { TarMember } from './tar-members.ts'

/** A name taken apart as WebDataset does: `a/b.seg.png` has the key `a/b` and the extension `seg.png`. */
export interface SampleName {
  /** What the members of a sample have in common: the path up to the first dot of the file's name. */
  readonly key: BytePath
  /** What follows the dot, in lower case. */
  readonly extension: string
}

/** What is at fault with a sample. */
export interface SampleFault {
  /** Code of the reject. */
  readonly code: 'OUTSIDE' | 'TOO_LARGE' | 'FORMAT' | 'DUPLICATE'
  /** What was expected, and what is there. */
  readonly message: string
}

/** A sample as a row, without its place. */
export interface SampleRow {
  /** Its class. */
  readonly label: string | null
  /** The encoded picture; null where there is none, or nobody wants it. */
  readonly image: Uint8Array | null
  /** How many bytes the picture has. */
  readonly bytes: number | null
  /** The fields of its `.json` but the label. */
  readonly json: string | null
  /** What the chosen members have in them. */
  readonly columns: Readonly<Record<string, Uint8Array>>
}

/** What is read of samples. */
export interface SampleOptions {
  /** Extensions of members that are read as they are. */
  readonly columns: readonly string[]
  /** Whether a heavy column is wanted. */
  readonly wanted: (column: string) => boolean
}

/** Larger ones are at fault: a column of an Arrow batch holds at most 2 GiB. */
const limitBytes = 2 ** 30

const pictures: ReadonlySet<string> = new Set(pictureExtensions)
const texts: ReadonlySet<string> = new Set(['cls', 'txt', 'json'])

/** Takes the name of a member apart; undefined for a hidden one, or one without an extension. */
export function sampleName(name: BytePath): SampleName | undefined {
  const [, key, extension] = /^((?:.*\/)?[^./]+)\.([^/]+)$/s.exec(name) ?? []
  if (key === undefined || extension === undefined) return undefined
  return { key: key.replace(/^(?:\.\/)+/, ''), extension: extension.toLowerCase() }
}

/** The members of an archive that have a key in common. */
export class TarSample {
  /** What they have in common. */
  readonly key: BytePath
  /** Where the member behind the last one begins. */
  end = 0
  /** Members on the way to the next sample that belong to none. */
  ignored = 0
  /** What is at fault, first. */
  fault: SampleFault | undefined
  /** Name of its picture, or of its first member. */
  name: BytePath | undefined
  readonly #options: SampleOptions
  readonly #seen = new Set<string>()
  readonly #texts = new Map<string, string>()
  readonly #columns: Record<string, Uint8Array> = {}
  #image: Uint8Array | null = null
  #imageBytes: number | null = null
  #bytes = 0

  constructor(key: BytePath, options: SampleOptions) {
    this.key = key
    this.#options = options
    if (key.startsWith('/') || key.split('/').includes('..'))
      this.fault = {
        code: 'OUTSIDE',
        message: `Expected a name within the archive, got \`${pathText(key)}\``,
      }
  }

  /** Bytes of it that are held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether there is something to make a row of. */
  get isRow(): boolean {
    const { columns } = this.#options
    const labelled = this.#texts.has('cls') || this.#texts.has('json')
    const chosen = columns.some((extension) => this.#seen.has(extension))
    return this.#imageBytes !== null || labelled || chosen || this.fault !== undefined
  }

  /** Reads a member as far as it is wanted. */
  async add(member: TarMember, extension: string): Promise<void> {
    this.end = member.end
    this.name ??= member.name
    if (this.#seen.has(extension)) this.#refuse('DUPLICATE', `one \`.${extension}\``, 'another')
    this.#seen.add(extension)
    const picture = pictures.has(extension) && this.#imageBytes === null
    const chosen = this.#options.columns.includes(extension)
    if (!picture && !chosen && !texts.has(extension)) return
    const large = (picture && this.#options.wanted('image')) || chosen || texts.has(extension)
    const size = this.#bytes + member.size
    if (large && size > limitBytes)
      this.#refuse('TOO_LARGE', `at most ${String(limitBytes)} bytes`, String(size))
    if (picture) {
      this.name = member.name
      this.#imageBytes = member.size
    }
    if (this.fault || !large) return
    this.#bytes = size
    this.#put(await member.read(), extension, { picture, chosen })
  }

  /** The row. */
  row(): SampleRow {
    const fields = this.#json()
    const label = this.#texts.get('cls') ?? fields.label ?? this.#texts.get('txt') ?? null
    return {
      label,
      image: this.#image,
      bytes: this.#imageBytes,
      json: fields.json,
      columns: this.#columns,
    }
  }

  #put(
    content: Uint8Array,
    extension: string,
    { picture, chosen }: { picture: boolean; chosen: boolean },
  ): void {
    if (picture && this.#options.wanted('image')) this.#image = content
    if (chosen) this.#columns[extension] = content
    if (!texts.has(extension)) return
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(content)
      this.#texts.set(extension, extension === 'json' ? text : text.trim())
      if (extension === 'json') JSON.parse(text)
    } catch {
      this.#refuse('FORMAT', extension === 'json' ? 'JSON' : 'text in UTF-8', 'something else')
    }
  }

  #json(): { readonly label: string | undefined; readonly json: string | null } {
    const text = this.#texts.get('json')
    if (text === undefined || this.fault) return { label: undefined, json: null }
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      return { label: undefined, json: JSON.stringify(parsed) }
    const { label, ...others } = parsed as Record<string, unknown>
    const plain = ['string', 'number', 'boolean'].includes(typeof label)
    const left = plain ? others : parsed
    return {
      label: plain ? String(label) : undefined,
      json: Object.keys(left).length > 0 ? JSON.stringify(left) : null,
    }
  }

  #refuse(code: SampleFault['code'], expected: string, got: string): void {
    const name = pathText(this.key)
    this.fault ??= { code, message: `Expected ${expected} in sample \`${name}\`, got ${got}` }
  }
}
