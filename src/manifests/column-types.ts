import {
  Bool,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  Utf8,
} from 'apache-arrow'
import { fixedShapeTensor } from '../batch/tensor.ts'
import { OptionError } from '../errors.ts'
import { didYouMean } from '../options.ts'
import { boxesField, boxNumbers } from './boxes.ts'
import { jsonText, parseJson } from './json-text.ts'

/**
 * Type of a column of a manifest. `Float32[n]` are tensors of `n` numbers (an embedding), `boxes` lists of
 * `[x, y, width, height]`.
 */
export type ColumnType = keyof typeof types | `Float32[${number}]`

/** What a value becomes; undefined if it does not fit. */
type Convert = (value: unknown) => unknown

interface TypeSpec {
  readonly field: (name: string) => Field
  readonly convert: Convert
}

const types = {
  Utf8: plain(new Utf8(), text),
  Bool: plain(new Bool(), truth),
  Int32: plain(new Int32(), (value) => {
    const number = integer(value)
    return number !== undefined && BigInt.asIntN(32, number) === number ? Number(number) : undefined
  }),
  Int64: plain(new Int64(), (value) => {
    const number = integer(value)
    return number !== undefined && BigInt.asIntN(64, number) === number ? number : undefined
  }),
  Float32: plain(new Float32(), (value) => float(value, Math.fround)),
  Float64: plain(new Float64(), (value) => float(value)),
  'List<Float64>': plain(listOf(new Float64()), (value) => list(value, float)),
  'List<Utf8>': plain(listOf(new Utf8()), (value) => list(value, text)),
  boxes: { field: boxesField, convert: (value: unknown) => boxNumbers(parsed(value)) },
} as const satisfies Readonly<Record<string, TypeSpec>>

const typeNames = Object.keys(types) as (keyof typeof types)[]

/** How the values of a column are made. */
export interface TypedColumn {
  /** Name and type. */
  readonly field: Field
  /** Of a value that is not null; undefined if it does not fit. */
  readonly convert: Convert
}

/**
 * A column called `name` of a type.
 *
 * @throws {OptionError} if there is no such type
 */
export function typedColumn(name: string, type: string): TypedColumn {
  const spec = (types as Readonly<Record<string, TypeSpec | undefined>>)[type]
  if (spec) {
    const { field, convert } = spec
    return { field: field(name), convert: type === 'Utf8' ? convert : orNull(convert) }
  }
  const size = Number(/^Float32\[(\d{1,9})\]$/.exec(type)?.[1])
  if (size >= 1) return { field: fixedShapeTensor(name, [size]), convert: (v) => tensor(v, size) }
  throw new OptionError(
    `Expected the type of column \`${name}\` to be one of ${typeNames.join(', ')} or Float32[n], got \`${type}\`${didYouMean(type, typeNames)}`,
  )
}

/** Some writers put every value into quotes, and so what is none. */
function orNull(convert: Convert): Convert {
  return (value) => (value === '' ? null : convert(value))
}

/** Types that text is looked through for, the narrowest first. */
const textTypes = ['Int64', 'Float64', 'Bool'] as const

/** The type of a column of text by some of its values: the narrowest that they fit. */
export function inferredType(values: readonly (string | null | undefined)[]): keyof typeof types {
  const known = values.filter((value): value is string => !!value)
  // Codes with zeros, and telephone numbers with a plus in front, are no numbers.
  if (known.length === 0 || known.some((value) => /^(?:\+|-?0\d)/.test(value))) return 'Utf8'
  const fitting = textTypes.find((type) => fitAll(type, known))
  return fitting ?? 'Utf8'
}

function fitAll(type: keyof typeof types, values: readonly unknown[]): boolean {
  return values.every((value) => types[type].convert(value) !== undefined)
}

/** The type of a column of JSON by some of its values. */
export function inferredJsonType(name: string, values: readonly unknown[]): keyof typeof types {
  const known = values.filter((value) => value !== null && value !== undefined)
  if (known.length === 0) return 'Utf8'
  if (known.every((value) => typeof value === 'boolean')) return 'Bool'
  if (known.every((value) => typeof value === 'bigint' || Number.isSafeInteger(value)))
    return fitAll('Int64', known) ? 'Int64' : 'Utf8'
  if (known.every((value) => typeof value === 'number')) return 'Float64'
  return known.every(Array.isArray) ? listType(name, known) : 'Utf8'
}

function listType(name: string, lists: readonly (readonly unknown[])[]): keyof typeof types {
  if (name === 'boxes' && fitAll('boxes', lists)) return 'boxes'
  const items = lists.flat()
  if (items.length === 0) return 'Utf8'
  if (items.every((item) => typeof item === 'number')) return 'List<Float64>'
  return items.every((item) => typeof item === 'string') ? 'List<Utf8>' : 'Utf8'
}

function plain(type: DataType, convert: Convert): TypeSpec {
  return { field: (name) => new Field(name, type, true), convert }
}

function listOf(type: DataType): List {
  return new List(new Field('item', type, true))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : jsonText(value)
}

function truth(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = String(value).toLowerCase()
  return word === 'true' || (word === 'false' ? false : undefined)
}

function integer(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^[+-]?\d{1,19}$/.test(value) ? BigInt(value) : undefined
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const notFinite: Readonly<Record<string, number>> = {
  ...{ nan: NaN, inf: Infinity, infinity: Infinity, '-inf': -Infinity, '-infinity': -Infinity },
}

/** A number, written as a decimal where it is text; never an infinity that was none. */
function float(value: unknown, round: (value: number) => number = Number): number | undefined {
  if (typeof value === 'string' && !decimal.test(value)) return notFinite[value.toLowerCase()]
  if (!['number', 'bigint', 'string'].includes(typeof value)) return undefined
  const number = round(Number(value))
  if (typeof value === 'bigint' && BigInt(number) !== value) return undefined
  return Number.isFinite(number) ? number : undefined
}

/** JSON in text, taken apart; anything else as it is. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return parseJson(value)
  } catch {
    return undefined
  }
}

function list(value: unknown, item: Convert): unknown[] | undefined {
  const given = parsed(value)
  if (!Array.isArray(given)) return undefined
  const items = given.map((each) => (each === null ? null : item(each)))
  return items.includes(undefined) ? undefined : items
}

function tensor(value: unknown, size: number): Float32Array | undefined {
  const numbers = list(value, float)
  if (numbers?.length !== size || numbers.includes(null)) return undefined
  return Float32Array.from(numbers as number[])
}
