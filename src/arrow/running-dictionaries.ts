import { Data, DataType, Field, makeVector, Vector } from 'apache-arrow'
import { batchOf } from '../batch/batch.ts'
import { concatData } from '../batch/concat-data.ts'
import { decodeBatch, encodeBatch } from '../batch/ipc.ts'
import { typeName } from '../batch/schema.ts'
import { sameKind, takeData, type Values } from '../batch/take-data.ts'
import { SchemaError } from '../errors.ts'

/** The values of dictionaries, by their number, each as an Arrow IPC stream. */
export type SavedDictionaries = ReadonlyMap<number, Uint8Array>

/**
 * Gives the dictionaries of a stream one numbering that lasts: a value keeps the code that it got where it came up
 * first, whatever dictionaries the batches came with. Holds the distinct values.
 */
export class RunningDictionaries {
  readonly #all = new Map<number, Running>()

  /** Goes on from `saved`. */
  constructor(saved: SavedDictionaries = new Map()) {
    for (const [id, bytes] of saved) {
      const values = decodeBatch(bytes).getChildAt(0)
      if (values) this.#all.set(id, new Running(values.data as readonly Data[]))
    }
  }

  /** `data`, which starts at 0, as `type`, whose dictionaries have the numbers of this stream. */
  recoded(data: Data, type: DataType): Data {
    if (DataType.isDictionary(type)) return this.#coded(data, type)
    if (data.children.length === 0) return data
    const children = data.children.map((child, i) =>
      this.recoded(child, (type.children[i] as Field).type as DataType),
    )
    return data.clone(type, 0, data.length, data.nullCount, data.buffers, children)
  }

  /** The values so far. */
  get vectors(): ReadonlyMap<number, Vector> {
    return new Map([...this.#all].map(([id, { parts }]) => [id, new Vector(parts)]))
  }

  /** What it takes to go on. */
  save(): SavedDictionaries {
    const saved = new Map<number, Uint8Array>()
    for (const [id, { parts }] of this.#all) {
      saved.set(id, savedDictionary(concatData(parts)))
    }
    return saved
  }

  #coded(data: Data, type: DataType & { id: number; dictionary: DataType }): Data {
    const source = concatData((data.dictionary as Vector).data as readonly Data[])
    let running = this.#all.get(type.id)
    if (!running) this.#all.set(type.id, (running = new Running([])))
    const { codes, added } = running.codes(data, source)
    running.add(this.recoded(takeData(source, added), type.dictionary))
    const buffers = [undefined, codes, data.nullBitmap] as unknown as Data['buffers']
    const dictionary = new Vector(running.parts)
    return new Data(type, 0, data.length, data.nullCount, buffers, [], dictionary)
  }
}

/** How the values of a dictionary are saved. */
export function savedDictionary(values: Data): Uint8Array {
  const field = new Field('values', values.type, true)
  return encodeBatch(batchOf([{ field, vector: makeVector(values) }]))
}

/** A dictionary that grows. */
class Running {
  /** Its values; the first part stays the same, by which the writer knows it again. */
  readonly parts: Data[]
  readonly #known = new Map<unknown, number>()

  constructor(parts: readonly Data[]) {
    this.parts = [...parts]
    for (const part of parts) for (const value of makeVector(part)) this.#codeOf(value)
  }

  add(values: Data): void {
    if (values.length > 0 || this.parts.length === 0) this.parts.push(values)
  }

  /** The codes of the rows of `data` here, and the places in its dictionary of values that are new. */
  codes(data: Data, source: Data): { readonly codes: Values; readonly added: readonly number[] } {
    const before = data.values as Values
    const codes = sameKind(before, data.length)
    const most = mostCode(codes)
    const table = new Int32Array(source.length).fill(-1)
    const values = makeVector(source)
    const added: number[] = []
    for (let row = 0; row < data.length; row++) {
      if (!data.getValid(row)) continue
      const old = Number(before[row])
      if ((table[old] as number) < 0) {
        const known = this.#known.size
        table[old] = this.#codeOf(values.get(old))
        if (this.#known.size > known) added.push(old)
        if (known > most) throw tooMany(data.type, most + 1)
      }
      const code = table[old] as number
      codes[row] = codes instanceof BigInt64Array ? BigInt(code) : code
    }
    return { codes, added }
  }

  #codeOf(value: unknown): number {
    const key = typeof value === 'object' && value !== null ? JSON.stringify(value) : value
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const code = this.#known.size
    this.#known.set(key, code)
    return code
  }
}

/** The largest number that the codes of a dictionary can be. */
function mostCode(codes: Values): number {
  const bits = 8 * codes.BYTES_PER_ELEMENT - (codes.constructor.name.includes('Uint') ? 0 : 1)
  return Math.min(2 ** bits, 2 ** 31) - 1
}

function tooMany(type: DataType, most: number): SchemaError {
  return new SchemaError(
    `Expected at most ${String(most)} values in a dictionary of ${typeName(type)}, got more`,
    { column: '' },
  )
}
