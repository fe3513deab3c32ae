import {
  DateUnit,
  type DataType,
  DataType as Types,
  type Field,
  type FixedSizeList,
  type Schema,
} from 'apache-arrow'
import { isHeavy } from '../batch/schema.ts'

/** What a row takes on disk in a blocking operator. */
export interface SpilledRow {
  /** Bytes of the columns whose values are all of one width. */
  readonly bytes: number
  /** Columns whose values vary (texts, lists); their bytes come on top. */
  readonly varying: readonly string[]
}

/**
 * What a row takes on disk in a part whose setting `spill` says which columns it stores; undefined if it
 * stores none, or its columns are not known. Heavy columns are left out: they are stored only if a later
 * operator reads them.
 */
export function spilledRow(
  spill: unknown,
  made: Schema | undefined,
  input: Schema | undefined,
): SpilledRow | undefined {
  if (typeof spill !== 'string' || !made || !input) return undefined
  const before = new Set(spill === 'own columns' ? input.fields.map(({ name }) => name) : [])
  const stored = made.fields.filter((field) => !isHeavy(field) && !before.has(field.name))
  const bits = stored.map((field) => bitsOf(field.type as DataType))
  return {
    bytes: Math.ceil(bits.reduce((sum: number, width) => sum + (width ?? 0), 0) / 8),
    varying: stored.filter((_, i) => bits[i] === undefined).map(({ name }) => name),
  }
}

/** Bits of a value; undefined if values vary. */
function bitsOf(type: DataType): number | undefined {
  if (Types.isNull(type)) return 0
  if (Types.isBool(type)) return 1
  if (Types.isFixedSizeBinary(type)) return 8 * type.byteWidth
  if (Types.isFixedSizeList(type)) return listBits(type)
  if (Types.isStruct(type)) return sum(type.children)
  if (Types.isInt(type) || Types.isTime(type) || Types.isDecimal(type)) return type.bitWidth
  if (Types.isFloat(type)) return [16, 32, 64][type.precision]
  if (Types.isDate(type)) return type.unit === DateUnit.DAY ? 32 : 64
  if (Types.isTimestamp(type) || Types.isDuration(type)) return 64
  return undefined
}

function listBits(type: FixedSizeList): number | undefined {
  const bits = sum(type.children)
  return bits === undefined ? undefined : type.listSize * bits
}

function sum(fields: readonly Field[]): number | undefined {
  let total = 0
  for (const { type } of fields) {
    const bits = bitsOf(type as DataType)
    if (bits === undefined) return undefined
    total += bits
  }
  return total
}
