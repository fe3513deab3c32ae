import { DataError } from '../errors.ts'
import type { Json, ModelState, StateArray } from './model.ts'

type Values = StateArray['values']

/** One of the states, without its arrays: these are parts of those of the pack. */
interface Packed extends Omit<ModelState, 'arrays' | 'files'> {
  readonly name: string
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

/** Goes before the names of the pack's arrays. */
const prefix = 'each.'

/**
 * Packs states, by name, into one set of arrays: those that have the same name one behind the other.
 *
 * @throws {Error} if a model has files, or arrays of one name differ in type
 */
export function packStates(
  states: ReadonlyMap<string, ModelState>,
): Pick<ModelState, 'arrays'> & { readonly packed: Json } {
  const parts = new Map<string, Values[]>()
  const packed = [...states].map(
    ([name, { arrays, files, kind, version, rowsSeen, parameters }]) => {
      if (files && Object.keys(files).length > 0)
        throw new Error(`Expected a model that keeps its state in arrays, got files in \`${name}\``)
      for (const [key, { values }] of Object.entries(arrays))
        parts.set(key, [...(parts.get(key) ?? []), values])
      const shapes = Object.fromEntries(Object.entries(arrays).map(([key, a]) => [key, a.shape]))
      return { name, kind, version, rowsSeen, parameters, shapes }
    },
  )
  const arrays = [...parts].map(([key, values]) => {
    const joined = joinedValues(values)
    return [`${prefix}${key}`, { shape: [joined.length], values: joined }] as const
  })
  return { packed, arrays: Object.fromEntries(arrays) }
}

/**
 * What {@link packStates} packed.
 *
 * @throws {DataError} if the arrays are too short
 */
export function unpackStates(
  packed: Json | undefined,
  { arrays, origin }: ModelState,
): ReadonlyMap<string, ModelState> {
  const at = new Map<string, number>()
  function next(key: string, shape: readonly number[]): StateArray {
    const values = arrays[`${prefix}${key}`]?.values
    const from = at.get(key) ?? 0
    const to = from + shape.reduce((a, b) => a * b, 1)
    at.set(key, to)
    if (values && to <= values.length) return { shape, values: values.slice(from, to) }
    throw new DataError(
      `Expected at least ${String(to)} values in array \`${prefix}${key}\` of the model, got ${String(values?.length ?? 0)}`,
      { url: origin ?? 'memory' },
    )
  }
  return new Map(
    (packed as unknown as readonly Packed[]).map(({ name, shapes, ...state }) => {
      const own = Object.entries(shapes).map(([key, shape]) => [key, next(key, shape)] as const)
      return [name, { ...state, arrays: Object.fromEntries(own), ...(origin && { origin }) }]
    }),
  )
}

function joinedValues(parts: readonly Values[]): Values {
  const [first] = parts
  if (!ArrayBuffer.isView(first)) return parts.flatMap((part) => [...(part as readonly string[])])
  if (parts.some((part) => part.constructor !== first.constructor))
    throw new Error('Expected arrays of one name to be of one type, got several')
  const size = parts.reduce((n, part) => n + part.length, 0)
  const out = new (first.constructor as Float64ArrayConstructor)(size)
  let at = 0
  for (const part of parts as readonly Float64Array[]) {
    out.set(part, at)
    at += part.length
  }
  return out
}
