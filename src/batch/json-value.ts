import { DataType } from 'apache-arrow'

/** Makes of a column's value what JSON can hold. */
export type ToJson = (value: unknown) => unknown

/**
 * How the values of `type` are written in JSON, null as null:
 *
 * - integers of 64 bits as numbers up to 2^53 − 1, as text beyond; decimals as text
 * - NaN and the infinities as null
 * - bytes in base64; dates and timestamps in ISO 8601 to the millisecond
 * - lists and tensors as lists, structs and maps as objects
 */
export function jsonOf(type: DataType): ToJson {
  const convert = converter(type)
  return (value) => (value === null || value === undefined ? null : convert(value))
}

function converter(type: DataType): ToJson {
  if (DataType.isDictionary(type)) return jsonOf(type.dictionary as DataType)
  if (DataType.isInt(type)) return type.bitWidth === 64 ? integer : unchanged
  if (DataType.isFloat(type)) return (value) => (Number.isFinite(value) ? value : null)
  if (DataType.isDecimal(type)) return (value) => decimal(value as Uint32Array, type.scale)
  if (DataType.isDate(type) || DataType.isTimestamp(type))
    return (value) => new Date(Number(value)).toISOString()
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type))
    return (value) => Buffer.from(value as Uint8Array).toString('base64')
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) {
    const item = jsonOf(type.children[0]?.type as DataType)
    return (value) => Array.from(value as Iterable<unknown>, item)
  }
  if (DataType.isMap(type)) {
    const item = jsonOf((type.children[0]?.type as DataType).children[1]?.type as DataType)
    return (value) => entries(value, () => item)
  }
  if (DataType.isStruct(type)) {
    const fields = new Map(type.children.map((f) => [f.name, jsonOf(f.type as DataType)]))
    return (value) => entries(value, (key) => fields.get(key) ?? unchanged)
  }
  return (value) => (typeof value === 'bigint' ? integer(value) : value)
}

function unchanged(value: unknown): unknown {
  return value
}

function integer(value: unknown): unknown {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function entries(value: unknown, of: (key: string) => ToJson): Record<string, unknown> {
  const pairs = [...(value as Iterable<[string, unknown]>)]
  return Object.fromEntries(pairs.map(([key, each]) => [key, of(key)(each)]))
}

/** Words of 32 bits, the lowest first, as a number with its sign and `scale` digits after the point. */
function decimal(words: Uint32Array, scale: number): string {
  const bits = 32 * words.length
  const stored = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)
  const value = stored >> BigInt(bits - 1) ? stored - (1n << BigInt(bits)) : stored
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const point = digits.length - scale
  const fraction = scale > 0 ? `.${digits.slice(point)}` : ''
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`
}
