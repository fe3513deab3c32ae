import { DataType, type Field, type FixedSizeList } from 'apache-arrow'
import { blockBytes, blockRows } from './column-file.ts'

/** A text is taken for this many bytes. */
const textBytes = 64

/**
 * Bytes of a block of each column such that a block of all of them takes at most `bytes`: narrow columns get
 * what 4,096 rows of them take, the wide ones share the rest.
 */
export function blockSizes(fields: readonly Field[], bytes: number): number[] {
  const wanted = fields.map((field) =>
    Math.min(blockBytes, blockRows * rowBytes(field.type as DataType)),
  )
  const narrowFirst = [...wanted.keys()].sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))
  const sizes = wanted.map(() => 0)
  let left = bytes
  for (const [at, column] of narrowFirst.entries()) {
    const size = Math.min(wanted[column] ?? 0, left / (fields.length - at))
    sizes[column] = Math.max(1, Math.floor(size))
    left -= size
  }
  return sizes
}

/** Bytes of a row of this type, as far as the type says; what holds pictures or lists may be of any size. */
function rowBytes(type: DataType): number {
  if (DataType.isFixedSizeList(type)) {
    const { listSize, valueType } = type as FixedSizeList<DataType>
    return listSize * rowBytes(valueType)
  }
  if (DataType.isFixedSizeBinary(type)) return type.byteWidth
  if (DataType.isInt(type)) return type.bitWidth / 8
  if (DataType.isFloat(type)) return 8
  if (DataType.isUtf8(type) || DataType.isDictionary(type) || DataType.isBool(type))
    return textBytes
  if (DataType.isStruct(type))
    return type.children.reduce((sum, child) => sum + rowBytes(child.type as DataType), 0)
  return blockBytes
}
