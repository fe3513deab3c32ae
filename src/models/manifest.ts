import { DataError } from '../errors.ts'
import { kindOf } from '../options.ts'
import type { Json } from './model.ts'

/** What a model folder may ask of a reader, whatever its `model.json` says. */
export const modelLimits = {
  /** Bytes of `model.json`. */
  manifestBytes: 16 * 2 ** 20,
  /** Arrays, and files beside them. */
  entries: 1024,
  /** Dimensions of an array. */
  dimensions: 8,
} as const

/** A file of a model. */
export interface FileEntry {
  /** Its name in the folder. */
  readonly file: string
  /** Of its bytes, in hex. */
  readonly sha256: string
}

/** The file of an array. */
export interface ArrayEntry extends FileEntry {
  /** Arrow type of its values. */
  readonly type: string
  /** Sizes of its dimensions. */
  readonly shape: readonly number[]
}

/** What `model.json` says. */
export interface Manifest {
  /** Tells it from other JSON. */
  readonly format: 'millrace-model'
  /** Version of the folder's layout. */
  readonly formatVersion: number
  /** What the model is. */
  readonly kind: string
  /** Version of this kind's layout. */
  readonly version: number
  /** Rows learned. */
  readonly rowsSeen: number
  /** Options and small numbers. */
  readonly parameters: Readonly<Record<string, Json>>
  /** Arrays by name. */
  readonly arrays: Readonly<Record<string, ArrayEntry>>
  /** Other files by name. */
  readonly files: Readonly<Record<string, FileEntry>>
}

/** Bytes that a value of each type of array takes in its file at least; of a text, where it is. */
const leastBytes: ReadonlyMap<unknown, number> = new Map([
  ['Float64', 8],
  ['Float32', 4],
  ['Int32', 4],
  ['Uint8', 1],
  ['Utf8', 4],
])

/** Names of arrays and files: no folders, nothing hidden, no property of every object. */
const plainName = /^[a-z0-9][\w.-]{0,127}$/i

/**
 * Checks that `value` is the manifest of a model: every field is there and of its type, and each name is that of
 * a file in the folder itself.
 *
 * @throws {DataError} if it is not
 */
export function checkedManifest(value: Readonly<Record<string, unknown>>, url: string): Manifest {
  function must(fits: boolean, what: string, got: unknown): void {
    if (fits) return
    const shown = ['object', 'undefined'].includes(typeof got) ? kindOf(got) : JSON.stringify(got)
    throw new DataError(`Expected ${what} in \`model.json\`, got ${shown}`, { url })
  }
  const { kind, version, rowsSeen, parameters, arrays, files } = value
  must(typeof kind === 'string', 'a kind', kind)
  must(isWhole(version), 'a version', version)
  must(isWhole(rowsSeen), 'a number of rows', rowsSeen)
  must(isRecord(parameters), 'an object of parameters', parameters)
  for (const [what, group] of Object.entries({ arrays, files })) {
    must(isRecord(group), `an object of ${what}`, group)
    const entries = Object.entries(group as Record<string, unknown>)
    const most = modelLimits.entries
    must(entries.length <= most, `at most ${String(most)} ${what}`, entries.length)
    for (const [name, entry] of entries) {
      must(plainName.test(name), `plain names of ${what}`, name)
      must(isRecord(entry), `an object for \`${name}\``, entry)
      const { file, sha256, type, shape } = entry as Record<string, unknown>
      must(
        typeof file === 'string' && plainName.test(file),
        `the name of a file in the folder for \`${name}\``,
        file,
      )
      must(typeof sha256 === 'string', `a checksum of \`${name}\``, sha256)
      if (what === 'files') continue
      must(leastBytes.has(type), `a known type of \`${name}\``, type)
      must(isShape(shape), `a shape of \`${name}\``, shape)
    }
  }
  return value as unknown as Manifest
}

/** How many values an array has; more than its file has room for are refused before anything is made of them. */
export function arrayLength({ type, shape, file }: ArrayEntry, bytes: number, url: string): number {
  const length = shape.reduce((a, b) => a * b, 1)
  const needs = length * (leastBytes.get(type) ?? 1)
  if (needs <= bytes) return length
  throw new DataError(
    `Expected ${String(length)} values of ${type} in \`${file}\`, got a file of ${String(bytes)} bytes`,
    { url },
  )
}

function isShape(value: unknown): boolean {
  return Array.isArray(value) && value.length <= modelLimits.dimensions && value.every(isWhole)
}

/** Whether it is a whole number, not below 0. */
export function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
