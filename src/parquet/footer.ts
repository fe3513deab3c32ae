import { chunk, column, element, file, group, pair } from './fields.ts'
import { parquetLimits } from './limits.ts'
import { decodeStruct } from './thrift-codec.ts'
import { type Struct, structIn, structs, text, whole } from './thrift.ts'

/** Bytes of a file. Half-open. */
export interface Range {
  /** First byte. */
  readonly start: number
  /** First byte after it. */
  readonly end: number
}

/** A leaf of the schema. */
export interface Leaf {
  /** Name of the column at the top level of the schema. */
  readonly column: string
  /** Name of the field of that column which it is, or belongs to; none for a column without fields. */
  readonly field: string | undefined
}

/** Which columns are read, and which of their fields: a set of names stands for whole columns. */
export interface Projection {
  /** Whether anything of `column` is read; with `field` whether that field is. */
  has(column: string, field?: string): boolean
}

/** A column's bytes in one row group. */
export interface Chunk extends Range, Leaf {
  /** Its place in the row group. */
  readonly index: number
  /** Bytes once decompressed, and not less than its values take in memory. */
  readonly rawBytes: number
}

/** One row group of a file. */
export interface RowGroup {
  /** How many rows. */
  readonly numRows: number
  /** Where its leaf columns are. */
  readonly chunks: readonly Chunk[]
  /** As stored. */
  readonly struct: Struct
}

/** A file's metadata: what is needed of it, over the whole tree. */
export interface Footer {
  /** How many rows. */
  readonly numRows: number
  /** Names of the columns at the top level of the schema. */
  readonly columns: readonly string[]
  /** The row groups, in order. */
  readonly rowGroups: readonly RowGroup[]
  /** Key-value metadata. */
  readonly metadata: ReadonlyMap<string, string>
  /** As stored. */
  readonly struct: Struct
}

const { schemaDepth, leaves: maxLeaves } = parquetLimits

/** Bytes in memory of a value of each physical type; of bytes and texts, where they are. */
const leastBytes = [1 / 8, 4, 8, 12, 4, 8, 4, 1]

/** `PAR1`, at both ends of a file. */
export const magic = Uint8Array.of(0x50, 0x41, 0x52, 0x31)

/**
 * Reads a footer.
 *
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 * @throws {RangeError} if it is not one, or if its parts contradict each other
 */
export function decodeFooter(bytes: Uint8Array): Footer {
  const struct = decodeStruct(bytes)
  if (struct.fields.has(file.encryption)) throw new RangeError('Expected a file without encryption')
  const leaves = leavesOf(structs(struct, file.schema))
  const rowGroups = structs(struct, file.rowGroups).map((each) => rowGroup(each, leaves))
  const pairs = struct.fields.has(file.metadata) ? structs(struct, file.metadata) : []
  return {
    numRows: whole(struct, file.numRows),
    columns: [...new Set(leaves.map(({ column }) => column))],
    rowGroups,
    metadata: new Map(pairs.map((each) => [text(each, pair.key), text(each, pair.value, '')])),
    struct,
  }
}

function rowGroup(struct: Struct, leaves: readonly Leaf[]): RowGroup {
  const columns = structs(struct, group.columns)
  if (columns.length !== leaves.length)
    throw new RangeError(
      `Expected ${String(leaves.length)} column chunks, got ${String(columns.length)}`,
    )
  const chunks = columns.map((each, index) => {
    if (each.fields.has(chunk.path)) throw new RangeError('Expected all columns in one file')
    if (each.fields.has(chunk.encryption))
      throw new RangeError('Expected columns without encryption')
    const data = structIn(each, chunk.data)
    const dictionary = data.fields.has(column.dictionary) ? whole(data, column.dictionary) : 0
    const page = whole(data, column.page)
    // Some writers say 0 for a dictionary that is not there.
    const start = dictionary > 0 ? Math.min(dictionary, page) : page
    // A few bytes may stand for any number of nulls, or of copies of one value.
    const width = leastBytes[whole(data, column.type)] ?? 0
    return {
      ...(leaves[index] as Leaf),
      index,
      start,
      end: start + whole(data, column.bytes),
      rawBytes: Math.max(whole(data, column.rawBytes), whole(data, column.values) * width),
    }
  })
  return { numRows: whole(struct, group.numRows), chunks, struct }
}

/** The leaves of the schema, depth first. */
export function leavesOf(elements: readonly Struct[]): Leaf[] {
  const [root] = elements
  const leaves: Leaf[] = []
  let at = 1
  for (let columns = root ? childrenOf(root) : 0; columns > 0; columns--) {
    const top = elements[at]
    const column = top ? text(top, element.name) : ''
    let field: string | undefined
    // Elements that are still to come on each level.
    const open = [1]
    for (let last = 1; last > 0; last = open.at(-1) ?? 0) {
      const each = elements[at++]
      if (!each) throw new RangeError('Expected a schema that is a whole tree')
      const children = childrenOf(each)
      if (open.length === 2) field = text(each, element.name)
      if (children === 0) leaves.push({ column, field })
      open[open.length - 1] = last - 1
      open.push(children)
      while (open.at(-1) === 0) open.pop()
      if (open.length > schemaDepth)
        throw new RangeError(`Expected a schema of at most ${String(schemaDepth)} levels`)
    }
  }
  if (!root || at !== elements.length)
    throw new RangeError('Expected a schema that is a whole tree')
  if (leaves.length > maxLeaves)
    throw new RangeError(
      `Expected at most ${String(maxLeaves)} columns, got ${String(leaves.length)}`,
    )
  return leaves
}

/** How many elements of the schema are its children. */
export function childrenOf(each: Struct): number {
  return each.fields.has(element.children) ? whole(each, element.children) : 0
}
