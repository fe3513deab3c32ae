import {
  childrenOf,
  type Chunk,
  type Footer,
  leavesOf,
  magic,
  type Projection,
  type RowGroup,
} from './footer.ts'
import { chunk, column, element, file, group, pair } from './fields.ts'
import { encodeStruct } from './thrift-codec.ts'
import { i64, list, type Struct, structIn, structs, text, utf8, type Value } from './thrift.ts'

/** The bytes of a footer with the length and the magic that end a file. */
export function encodeFooter(struct: Struct): Uint8Array {
  const bytes = encodeStruct(struct)
  const out = new Uint8Array(bytes.length + 8)
  out.set(bytes)
  new DataView(out.buffer).setUint32(bytes.length, bytes.length, true)
  out.set(magic, bytes.length + 4)
  return out
}

/**
 * The footer of a file of `columns` alone, with at most one of the row groups, whose chunks
 * lie one after another from byte 4 on. Statistics and indexes are left out.
 * `metadata` replaces the key-value metadata.
 */
export function footerOf(
  footer: Footer,
  columns: Projection,
  metadata: ReadonlyMap<string, string>,
  rowGroup?: RowGroup,
): Struct {
  const keptLeaves = leavesOf(structs(footer.struct, file.schema)).map(({ column, field }) =>
    columns.has(column, field),
  )
  const fields = new Map(footer.struct.fields)
  fields.set(file.schema, list(prunedSchema(structs(footer.struct, file.schema), columns)))
  fields.set(file.numRows, i64(rowGroup?.numRows ?? 0))
  fields.set(file.rowGroups, list(rowGroup ? [movedTogether(rowGroup, columns)] : []))
  fields.set(file.metadata, list(pairsOf(metadata)))
  const orders = fields.get(file.orders)
  if (orders?.type === 'list')
    fields.set(file.orders, list(orders.values.filter((_, i) => keptLeaves[i])))
  return { type: 'struct', fields }
}

/** The chunks of `columns` in a row group, in the order of the file. */
export function chunksOf(rowGroup: RowGroup, columns: Projection): readonly Chunk[] {
  return rowGroup.chunks.filter(({ column, field }) => columns.has(column, field))
}

/** The first row group of a footer, as it reads when its bytes lie `shift` further on in a file, as its group `ordinal`. */
export function movedGroup(rowGroup: RowGroup, shift: number, ordinal: number): Struct {
  const columns = structs(rowGroup.struct, group.columns).map((each) => moved(each, shift))
  const fields = new Map(rowGroup.struct.fields)
  fields.set(group.columns, list(columns))
  shiftField(fields, group.offset, shift)
  if (fields.has(group.ordinal)) {
    // Group numbers are 16 bits wide; a file with more groups goes without them.
    if (ordinal < 32_768) fields.set(group.ordinal, { type: 'i16', value: ordinal })
    else fields.delete(group.ordinal)
  }
  return { type: 'struct', fields }
}

/** `struct` with other row groups. */
export function withRowGroups(
  struct: Struct,
  rowGroups: readonly Struct[],
  numRows: number,
): Struct {
  const fields = new Map(struct.fields)
  fields.set(file.numRows, i64(numRows))
  fields.set(file.rowGroups, list(rowGroups))
  return { type: 'struct', fields }
}

/** Whether two footers are of files with the same columns, in order and type. */
export function sameColumns(a: Struct, b: Struct): boolean {
  const [left, right] = [a, b].map((footer) => {
    const schema = list(structs(footer, file.schema))
    return Buffer.from(encodeStruct({ type: 'struct', fields: new Map([[file.schema, schema]]) }))
  })
  return left !== undefined && right !== undefined && left.equals(right)
}

/** Without the columns, and the fields of columns, that are not read. */
function prunedSchema(elements: readonly Struct[], columns: Projection): Struct[] {
  let at = 1

  /** The next element with what is below it. */
  function subtree(): Struct[] {
    const start = at
    for (let open = 1; open > 0; open--) open += childrenOf(elements[at++] as Struct)
    return elements.slice(start, at)
  }

  /** An element, and those of its children that are kept. */
  function kept(each: Struct, keep: (name: string, child: Struct) => Struct[]): Struct[] {
    const left = Array.from({ length: childrenOf(each) }, () => {
      const child = elements[at] as Struct
      return keep(text(child, element.name), child)
    }).filter((child) => child.length > 0)
    const fields = new Map(each.fields)
    fields.set(element.children, { type: 'i32', value: left.length })
    return [{ type: 'struct', fields }, ...left.flat()]
  }

  return kept(elements[0] as Struct, (column, top) => {
    if (childrenOf(top) === 0 || !columns.has(column)) {
      const whole = subtree()
      return columns.has(column) ? whole : []
    }
    at++
    return kept(top, (field) => {
      const whole = subtree()
      return columns.has(column, field) ? whole : []
    })
  })
}

function movedTogether(rowGroup: RowGroup, columns: Projection): Struct {
  const chunks = chunksOf(rowGroup, columns)
  const stored = structs(rowGroup.struct, group.columns)
  let at = magic.length
  const kept = chunks.map(({ index, start, end }) => {
    const shift = at - start
    at += end - start
    return moved(stored[index] as Struct, shift, [column.statistics])
  })
  const fields = new Map(rowGroup.struct.fields)
  fields.set(group.columns, list(kept))
  fields.set(group.rawBytes, i64(chunks.reduce((sum, each) => sum + each.rawBytes, 0)))
  for (const id of [group.sorting, group.offset, group.bytes, group.ordinal]) fields.delete(id)
  return { type: 'struct', fields }
}

/** A column chunk whose bytes lie `shift` further on; what points outside of them is left out. */
function moved(struct: Struct, shift: number, without: readonly number[] = []): Struct {
  const data = new Map(structIn(struct, chunk.data).fields)
  for (const id of [column.index, ...column.bloom, ...without]) data.delete(id)
  shiftField(data, column.page, shift)
  shiftField(data, column.dictionary, shift)
  const fields = new Map(struct.fields)
  for (const id of chunk.indexes) fields.delete(id)
  // Deprecated, and 0 is what the format tells writers to put here.
  fields.set(chunk.offset, i64(0))
  fields.set(chunk.data, { type: 'struct', fields: data })
  return { type: 'struct', fields }
}

function shiftField(fields: Map<number, Value>, id: number, shift: number): void {
  const value = fields.get(id)
  if (value?.type !== 'i64') return
  // 0 stands for a dictionary page that is not there.
  if (value.value > 0n) fields.set(id, i64(Number(value.value) + shift))
  else fields.delete(id)
}

function pairsOf(metadata: ReadonlyMap<string, string>): Struct[] {
  return [...metadata].map(([key, value]) => ({
    type: 'struct',
    fields: new Map<number, Value>([
      [pair.key, utf8(key)],
      [pair.value, utf8(value)],
    ]),
  }))
}
