import { FlatBuffer } from '../arrow/flat-buffer.ts'
import type { Projection } from './footer.ts'

/** Types that the file stores alike: large and view layouts are read as the plain ones. */
const plainTypes: ReadonlyMap<number, number> = new Map([
  [19, 4], // LargeBinary → Binary
  [20, 5], // LargeUtf8 → Utf8
  [21, 12], // LargeList → List
  [23, 4], // BinaryView → Binary
  [24, 5], // Utf8View → Utf8
  [25, 12], // ListView → List
  [26, 12], // LargeListView → List
])

/** Fields of the tables of `Schema.fbs` and `Message.fbs`, by their place. */
const message = { headerType: 1, header: 2 }
const schema = { fields: 1 }
const field = { name: 0, typeType: 2, children: 5 }
const schemaHeader = 1
const structType = 13

/**
 * The value of the key `ARROW:schema` for `columns` alone, with {@link plainTypes}. It is edited in
 * place, since the tables of those types have no fields: whatever else it says is kept.
 *
 * @see https://github.com/apache/arrow/blob/main/format/Schema.fbs
 * @throws {RangeError} if it is not an Arrow schema
 */
export function editArrowSchema(encoded: string, columns: Projection): string {
  const bytes = Buffer.from(encoded, 'base64')
  const tables = new FlatBuffer(bytes)
  // Older writers leave out the four bytes of 0xff before the length.
  const start = tables.uint32(0) === 0xffffffff ? 8 : 4
  const root = start + tables.uint32(start)
  if (tables.byteAt(root, message.headerType) !== schemaHeader)
    throw new RangeError('Expected `ARROW:schema` to be a schema message')
  const fields = tables.follow(tables.follow(root, message.header) ?? 0, schema.fields)
  if (fields === undefined) return encoded
  keepFields(tables, fields, (name) => columns.has(name))
  for (const each of tables.elements(fields)) {
    const children = tables.follow(each, field.children)
    const name = tables.follow(each, field.name)
    if (children === undefined || name === undefined) continue
    const column = tables.text(name)
    if (tables.byteAt(each, field.typeType) === structType)
      keepFields(tables, children, (child) => columns.has(column, child))
  }
  const seen = new Set<number>()
  for (const each of tables.elements(fields)) plain(tables, each, seen)
  return bytes.toString('base64')
}

/** Takes the fields that are not to `keep` out of the vector at `at`. */
function keepFields(tables: FlatBuffer, at: number, keep: (name: string) => boolean): void {
  const kept = tables.elements(at).filter((each) => {
    const name = tables.follow(each, field.name)
    return name !== undefined && keep(tables.text(name))
  })
  tables.view.setUint32(at, kept.length, true)
  for (const [i, each] of kept.entries()) {
    const slot = at + 4 + 4 * i
    tables.view.setUint32(slot, each - slot, true)
  }
}

/** `seen` keeps a damaged schema, whose fields share children, from being walked without end. */
function plain(tables: FlatBuffer, at: number, seen: Set<number>): void {
  if (seen.has(at)) return
  seen.add(at)
  const slot = tables.slot(at, field.typeType)
  if (slot !== undefined) {
    const type = tables.view.getUint8(slot)
    tables.view.setUint8(slot, plainTypes.get(type) ?? type)
  }
  const children = tables.follow(at, field.children)
  if (children === undefined) return
  for (const each of tables.elements(children)) plain(tables, each, seen)
}
