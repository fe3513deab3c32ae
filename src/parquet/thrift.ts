/** A value of the Thrift compact protocol, with what it takes to write it again. */
export type Value =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'i8' | 'i16' | 'i32' | 'double'; readonly value: number }
  | { readonly type: 'i64'; readonly value: bigint }
  | { readonly type: 'binary'; readonly value: Uint8Array }
  | List
  | { readonly type: 'map'; readonly types: MapTypes; readonly entries: readonly [Value, Value][] }
  | Struct

/** A list or set: the element type is kept for one that is empty. */
export interface List {
  /** Lists and sets differ in their type alone. */
  readonly type: 'list' | 'set'
  /** Type of every element. */
  readonly of: TypeName
  /** The elements. */
  readonly values: readonly Value[]
}

/** A struct: fields by id, in the order in which they were written. Unknown ids are kept like any other. */
export interface Struct {
  /** Always struct. */
  readonly type: 'struct'
  /** Values by field id. */
  readonly fields: ReadonlyMap<number, Value>
}

/** Name of a type on the wire. */
export type TypeName = Exclude<(typeof typeNames)[number], undefined>

/** Types of keys and values; undefined for an empty map, which does not say. */
export type MapTypes = readonly [TypeName, TypeName] | undefined

/** Type names by their code; 1 and 2 are both booleans: as a field's type they hold its value. */
export const typeNames = [
  undefined,
  'bool',
  'bool',
  'i8',
  'i16',
  'i32',
  'i64',
  'double',
  'binary',
  'list',
  'set',
  'map',
  'struct',
] as const

/** The structs in the list at field `id`. Throws RangeError for anything else, as those below. */
export function structs(struct: Struct, id: number): readonly Struct[] {
  const value = struct.fields.get(id)
  if (value?.type === 'list' && value.values.every((v) => v.type === 'struct')) return value.values
  throw unexpected(id, 'a list of structs', value)
}

/** The struct at field `id`. */
export function structIn(struct: Struct, id: number): Struct {
  const value = struct.fields.get(id)
  if (value?.type === 'struct') return value
  throw unexpected(id, 'a struct', value)
}

/** The number at field `id`, from 0 to 2^53 - 1. */
export function whole(struct: Struct, id: number): number {
  const value = struct.fields.get(id)
  const number = value?.type === 'i64' || value?.type === 'i32' ? Number(value.value) : -1
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw unexpected(id, 'a whole number', value)
}

/** The text at field `id`, or `missing` where there is none. */
export function text(struct: Struct, id: number, missing?: string): string {
  const value = struct.fields.get(id)
  if (value?.type === 'binary') return Buffer.from(value.value).toString('utf8')
  if (!value && missing !== undefined) return missing
  throw unexpected(id, 'text', value)
}

function unexpected(id: number, what: string, value: Value | undefined): RangeError {
  return new RangeError(`Expected field ${String(id)} to be ${what}, got ${value?.type ?? 'none'}`)
}

/** A list of `values`. */
export function list(values: readonly Value[], of: TypeName = 'struct'): List {
  return { type: 'list', of, values }
}

/** A number of 64 bits. */
export function i64(value: number): Value {
  return { type: 'i64', value: BigInt(value) }
}

/** Text as bytes. */
export function utf8(value: string): Value {
  return { type: 'binary', value: Buffer.from(value, 'utf8') }
}
