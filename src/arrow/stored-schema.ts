import {
  Binary,
  DataType,
  Dictionary,
  Field,
  FixedSizeList,
  LargeList,
  List,
  Map_,
  Message,
  type MessageHeader,
  RecordBatchReader,
  type Schema,
  Struct,
  type Type,
  Utf8,
} from 'apache-arrow'
import { FlatBuffer } from './flat-buffer.ts'

/** Fields of the tables of `Message.fbs`, `File.fbs` and `Schema.fbs`, by their place. */
const message = { header: 2, metadata: 4 }
const footer = { schema: 1, dictionaries: 2, metadata: 4 }
const schema = { endianness: 0, fields: 1, metadata: 2 }
const field = { name: 0, typeType: 2, children: 5, metadata: 6 }

/** Types that are not read, by their number. */
const notRead: ReadonlyMap<number, string> = new Map([
  [14, 'a union'],
  [22, 'run-end encoded'],
  [25, 'a ListView'],
  [26, 'a LargeListView'],
])

/**
 * Decodes the flatbuffer of a schema message.
 *
 * @throws {RangeError} if it is damaged, or has a type that is not read
 */
export function decodeStoredSchema(metadata: Uint8Array): Schema {
  const tables = FlatBuffer.over(metadata)
  const root = tables.uint32(0)
  requireElements(tables, root, message.metadata)
  return readable(tables, tables.follow(root, message.header), () =>
    (Message.decode(metadata) as Message<MessageHeader.Schema>).header(),
  )
}

/**
 * Decodes the schema in the flatbuffer of a footer.
 *
 * @throws {RangeError} if it is damaged, or has a type that is not read
 */
export function decodeFooterSchema(bytes: Uint8Array): Schema {
  const copy = Buffer.from(bytes)
  const tables = FlatBuffer.over(copy)
  const root = tables.uint32(0)
  requireElements(tables, root, footer.metadata)
  // Of a file without dictionaries apache-arrow reads nothing but the footer.
  const dictionaries = tables.follow(root, footer.dictionaries)
  if (dictionaries !== undefined) tables.view.setUint32(dictionaries, 0, true)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(copy.length)
  const file = Buffer.concat([Buffer.from('ARROW1\0\0'), copy, length, Buffer.from('ARROW1')])
  return readable(
    tables,
    tables.follow(root, footer.schema),
    () => RecordBatchReader.from(file).open().schema,
  )
}

/** apache-arrow 21 believes every count that it finds: they are gone through before it decodes. */
function readable(tables: FlatBuffer, at: number | undefined, decode: () => Schema): Schema {
  if (at === undefined) throw new RangeError('it has no schema')
  requireElements(tables, at, schema.metadata)
  if ((tables.byteAt(at, schema.endianness) ?? 0) !== 0)
    throw new RangeError('its numbers have the highest byte first')
  for (const each of elementsAt(tables, at, schema.fields)) requireReadable(tables, each)
  const decoded = decodedBy(decode)
  requireDistinct(decoded)
  return decoded
}

function decodedBy(decode: () => Schema): Schema {
  try {
    const decoded = decode()
    for (const each of decoded.fields) requireValues(each.type as DataType)
    return decoded
  } catch (cause) {
    throw new RangeError(`its schema does not decode: ${String(cause)}`, { cause })
  }
}

/** apache-arrow 21 looks at the width of a number and the entries of a map only when it is asked for them: wrong ones throw there. */
function requireValues(type: DataType): void {
  const values = DataType.isDictionary(type) ? [type.indices, type.dictionary as DataType] : [type]
  for (const each of values as DataType<Type, Record<string, DataType>>[]) {
    if (each.ArrayType === undefined) throw new RangeError('a type has no values')
    const children = childrenOf(each)
    const [entries] = children
    if (DataType.isMap(each) && !(entries && childrenOf(entries.type as DataType).length === 2))
      throw new RangeError('a map has no keys or no values')
    for (const child of children) requireValues(child.type as DataType)
  }
}

function elementsAt(tables: FlatBuffer, at: number, index: number): readonly number[] {
  const vector = tables.follow(at, index)
  return vector === undefined ? [] : tables.elements(vector)
}

function requireElements(tables: FlatBuffer, at: number, index: number): void {
  elementsAt(tables, at, index)
}

function requireReadable(tables: FlatBuffer, at: number): void {
  const type = notRead.get(tables.byteAt(at, field.typeType) ?? 0)
  if (type !== undefined) {
    const name = tables.follow(at, field.name)
    throw new RangeError(
      `column \`${name === undefined ? '' : tables.text(name)}\` is ${type}, which is not read`,
    )
  }
  requireElements(tables, at, field.metadata)
  for (const child of elementsAt(tables, at, field.children)) requireReadable(tables, child)
}

function requireDistinct({ fields }: Schema): void {
  const names = fields.map((each) => each.name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new RangeError(`it has two columns \`${twice}\``)
}

/** `stored` with large types and views as the plain types of their kind, which operators know. */
export function plainField(stored: Field): Field {
  return stored.clone({ type: plainType(stored.type as DataType) })
}

const plainTypes = new WeakMap<DataType, DataType>()

/** See {@link plainField}. The same for the same type: columns that share a dictionary share its type. */
export function plainType(type: DataType): DataType {
  const made =
    plainTypes.get(type) ??
    mapType(
      type,
      (each) => {
        if (DataType.isLargeUtf8(each) || DataType.isUtf8View(each)) return new Utf8()
        if (DataType.isLargeBinary(each) || DataType.isBinaryView(each)) return new Binary()
        return DataType.isLargeList(each) ? new List(each.valueField) : each
      },
      plainType,
    )
  plainTypes.set(type, made)
  return made
}

/** `type` with `change` made to it and, by `within`, to all types within it, from the inside out. */
export function mapType(
  type: DataType,
  change: (type: DataType) => DataType,
  within = (each: DataType): DataType => mapType(each, change),
): DataType {
  if (DataType.isDictionary(type)) {
    const values = within(type.dictionary as DataType)
    return change(
      values === type.dictionary
        ? type
        : new Dictionary(values, type.indices, type.id, type.isOrdered),
    )
  }
  const before = childrenOf(type)
  const children = before.map((field) => {
    const mapped = within(field.type as DataType)
    return mapped === field.type ? field : field.clone({ type: mapped })
  })
  return change(children.every((child, i) => child === before[i]) ? type : of(type, children))
}

function of(type: DataType, children: Field[]): DataType {
  const [child] = children as [Field]
  if (DataType.isList(type)) return new List(child)
  if (DataType.isLargeList(type)) return new LargeList(child)
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, child)
  if (DataType.isMap(type)) return new Map_(child as (typeof type.children)[0], type.keysSorted)
  return new Struct(children)
}

/** apache-arrow 21 has null in place of no children. */
function childrenOf(type: DataType): readonly Field[] {
  return (type.children as readonly Field[] | null) ?? []
}

/** The types of the values of all dictionaries, by their number. */
export function dictionaryTypes(
  fields: readonly Field[],
  into = new Map<number, DataType>(),
): ReadonlyMap<number, DataType> {
  for (const each of fields) {
    const type = each.type as DataType
    const values = DataType.isDictionary(type) ? (type.dictionary as DataType) : type
    if (DataType.isDictionary(type)) into.set(type.id, values)
    dictionaryTypes(childrenOf(values), into)
  }
  return into
}
