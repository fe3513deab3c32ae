import type { RecordBatch } from 'apache-arrow'
import { column, rowKey } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import type { StoredTable } from '../table/column-store.ts'
import { presence } from './embedding-rows.ts'

/** Columns that say what rows are. */
export interface FactColumns {
  /** Perceptual hashes. */
  readonly phash: string | undefined
  /** Content hashes. */
  readonly contentHash: string | undefined
  /** The set that a row is of. */
  readonly set: string | undefined
  /** Whether perceptual hashes may have all eight forms of a picture. */
  readonly forms: boolean
}

/** What is known of each row besides its embedding. */
export interface Facts {
  /** The ids. */
  readonly ids: readonly string[]
  /** Number of each row's set: equal for rows of one set. */
  readonly sets: Int32Array
  /** Number of the first row of the same content; its own if there is none. */
  readonly contents: Int32Array
  /** Number of the first row of the same content and set; its own if there is none. */
  readonly originals: Int32Array
  /** Width × height, 0 if unknown. */
  readonly pixels: Float64Array
  /** Size of the file, 0 if unknown. */
  readonly bytes: Float64Array
  /** Two words of 32 bits per row. */
  readonly hashes: Uint32Array
  /** Per row: 1 if it has a hash. */
  readonly hasHash: Uint8Array
  /** The hashes of the turned and mirrored pictures, 16 words per row; empty if there are none. */
  readonly forms: Uint32Array
}

/** Reads the facts of all rows of a table. */
export async function readFacts(
  table: StoredTable,
  { phash, contentHash, set, forms }: FactColumns,
): Promise<Facts> {
  const { numRows } = table
  const contents = Int32Array.from({ length: numRows }, (_, row) => row)
  const facts = {
    ids: [] as string[],
    sets: new Int32Array(numRows),
    contents,
    originals: set === undefined ? contents : contents.slice(),
    pixels: new Float64Array(numRows),
    bytes: new Float64Array(numRows),
    hashes: new Uint32Array(2 * numRows),
    hasHash: new Uint8Array(numRows),
    forms: new Uint32Array(0),
  }
  const there = new Set(table.schema.fields.map((f) => f.name))
  const sizes = ['width', 'height', 'bytes'].filter((name) => there.has(name))
  const names = ['id', phash, contentHash, set, ...sizes].filter((n) => n !== undefined)
  const [setNumbers, contentRows, originalRows] = [firsts(), firsts(), firsts()]
  const hashes = phash === undefined ? undefined : { name: phash, bytes: forms ? [8, 64] : [8] }
  let offset = 0
  for await (const batch of table.read([...new Set(names)])) {
    for (let i = 0; i < batch.numRows; i++) {
      const row = offset + i
      facts.ids.push(String(column(batch, 'id').get(i)))
      facts.pixels[row] = numberIn(batch, 'width', i) * numberIn(batch, 'height', i)
      facts.bytes[row] = numberIn(batch, 'bytes', i)
      const content = contentHash && (column(batch, contentHash).get(i) as string | null)
      if (content) facts.contents[row] = contentRows(content, row)
      if (set === undefined) continue
      facts.sets[row] = setNumbers(rowKey([column(batch, set)], i), row)
      if (content) facts.originals[row] = originalRows(`${String(facts.sets[row])} ${content}`, row)
    }
    if (hashes) readHashes(batch, hashes, offset, facts)
    offset += batch.numRows
  }
  return facts
}

/** Most pixels first, then most bytes, then the lowest id, then the first row. */
export function compareRank({ pixels, bytes, ids }: Facts, a: number, b: number): number {
  const byPixels = (pixels[b] ?? 0) - (pixels[a] ?? 0)
  if (byPixels !== 0) return byPixels
  const byBytes = (bytes[b] ?? 0) - (bytes[a] ?? 0)
  if (byBytes !== 0) return byBytes
  const [x = '', y = ''] = [ids[a], ids[b]]
  return x === y ? a - b : x < y ? -1 : 1
}

/** The one of `rows` to keep. */
export function bestOf(rows: readonly number[], facts: Facts): number {
  return rows.reduce((best, row) => (compareRank(facts, row, best) < 0 ? row : best))
}

/** Gives for a key the row that came with it first. */
function firsts(): (key: string, row: number) => number {
  const rows = new Map<string, number>()
  return (key, row) => {
    const first = rows.get(key)
    if (first === undefined) rows.set(key, row)
    return first ?? row
  }
}

/** A column of hashes, and how they are read. */
interface HashColumn {
  readonly name: string
  /** How long a hash may be: as the first one, once it is known. */
  bytes: readonly number[]
}

/** Facts in the making. */
type Writable = Facts & { forms: Uint32Array }

function readHashes(batch: RecordBatch, of: HashColumn, offset: number, facts: Writable): void {
  const vector = column(batch, of.name)
  for (const [i, there] of presence(vector).entries()) {
    if (there === 0) continue
    const hash = vector.get(i) as Uint8Array
    const row = offset + i
    if (!of.bytes.includes(hash.length))
      throw new DataError(
        `Expected hashes of ${of.bytes.join(' or ')} bytes in column \`${of.name}\`, got ${String(hash.length)} at row ${String(row)}`,
        { url: of.name },
      )
    of.bytes = [hash.length]
    const words = new DataView(hash.buffer, hash.byteOffset, hash.length)
    facts.hashes[2 * row] = words.getUint32(0)
    facts.hashes[2 * row + 1] = words.getUint32(4)
    facts.hasHash[row] = 1
    if (hash.length === 8) continue
    if (facts.forms.length === 0) facts.forms = new Uint32Array(8 * facts.hashes.length)
    for (let word = 0; word < 16; word++) facts.forms[16 * row + word] = words.getUint32(4 * word)
  }
}

function numberIn(batch: RecordBatch, name: string, row: number): number {
  const value: unknown = batch.getChild(name)?.get(row)
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0
}
