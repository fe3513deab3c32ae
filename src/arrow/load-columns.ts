import { type Data, type DataType, Field, makeVector, type Schema, type Vector } from 'apache-arrow'
import { notArrow, type Stored } from './arrow-file.ts'
import { ColumnLoader, type Place, placesOf } from './column-loader.ts'
import { type BufferLimit, readBuffers } from './read-buffers.ts'
import { dictionaryTypes } from './stored-schema.ts'

/** How much may be read, and of what. */
export interface LoadLimit extends BufferLimit {
  /** Where it is, for errors. */
  readonly url: string
}

/** Which columns are loaded. */
export interface Loaded {
  /** All that the message has, as stored. */
  readonly fields: readonly Field[]
  /** Places of those to read. */
  readonly read: readonly number[]
  /** The values of dictionaries, by their number. */
  readonly dictionaries: ReadonlyMap<number, Vector>
}

/**
 * Reads columns of a message and nothing else.
 *
 * @throws {DataError} if they are damaged, or larger than allowed
 */
export async function loadColumns(
  { message: { batch: stored }, body }: Stored,
  { fields, read, dictionaries }: Loaded,
  limit: LoadLimit,
): Promise<Data[]> {
  try {
    const places = placesOf(fields, stored)
    if (places.slice(0, -1).some(({ node }) => stored.nodes[node]?.length !== stored.rows))
      throw new RangeError('a column has other rows than its message')
    const indices = read.flatMap((at) => {
      const [start = 0, end = 0] = [places[at]?.buffer, places[at + 1]?.buffer]
      return Array.from({ length: end - start }, (_, i) => start + i)
    })
    const buffers = await readBuffers(stored, indices, body, limit)
    const loading = { stored, buffers, dictionaries, maxBytes: limit.maxBytes }
    return read.map((at) =>
      new ColumnLoader(loading, places[at] as Place).load(fields[at]?.type as DataType),
    )
  } catch (cause) {
    if (cause instanceof RangeError) throw notArrow(limit.url, cause.message, cause)
    throw cause
  }
}

/** The values of the dictionaries that columns need. */
export class Dictionaries {
  /** By their number. */
  readonly values = new Map<number, Vector>()
  readonly #types: ReadonlyMap<number, DataType>

  /** `read`: places of the columns that need them. */
  constructor({ fields }: Schema, read: readonly number[]) {
    this.#types = dictionaryTypes(read.map((at) => fields[at] as Field))
  }

  /**
   * Reads a dictionary, or more values of one, if a column needs it.
   *
   * @throws {DataError} if it is damaged, or all are larger than allowed
   */
  async learn(stored: Stored, limit: LoadLimit): Promise<void> {
    const { message } = stored
    const type = message.kind === 'dictionary' && this.#types.get(message.id)
    if (!type) return
    const fields = [new Field('values', type, true)]
    const loaded = { fields, read: [0], dictionaries: this.values }
    const added = makeVector((await loadColumns(stored, loaded, limit))[0] as Data)
    const before = this.values.get(message.id)
    const values = message.delta && before ? before.concat(added) : added
    this.values.set(message.id, values.memoize())
    const bytes = [...this.values.values()].reduce((sum, each) => sum + each.byteLength, 0)
    if (bytes > limit.maxBytes) throw limit.tooLarge(bytes)
  }
}
