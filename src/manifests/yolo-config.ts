import { parse } from 'yaml'
import { DataError } from '../errors.ts'
import type { YoloFormat } from './yolo-labels.ts'

/** What a `data.yaml` says of a dataset. */
export interface YoloConfig extends YoloFormat {
  /** Folder of the dataset; undefined for where the file lies. */
  readonly path: string | undefined
  /** Where the pictures are: folders or lists of paths, each with its split. */
  readonly places: readonly { readonly split: string; readonly path: string }[]
}

const splits = ['train', 'val', 'test']

/**
 * Reads the text of a `data.yaml`.
 *
 * @throws {DataError} if it is none
 * @see https://docs.ultralytics.com/datasets/detect/
 */
export function yoloConfig(text: string, url: string): YoloConfig {
  const config = yamlMap(text, url)
  const places = splits.flatMap((split) =>
    paths(config[split], split, url).map((path) => ({ split, path })),
  )
  if (places.length === 0)
    throw new DataError(`Expected \`train\`, \`val\` or \`test\` in ${url}, got none`, { url })
  const { path, names, kpt_shape: shape } = config
  if (path !== undefined && path !== null && typeof path !== 'string')
    throw new DataError(`Expected \`path\` of ${url} to be text, got a ${typeof path}`, { url })
  const [count = 0, size = 0] = Array.isArray(shape) ? (shape as number[]) : []
  return { path: path || undefined, places, names: classNames(names, url), points: count * size }
}

function yamlMap(text: string, url: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 10, logLevel: 'error' })
  } catch (cause) {
    const { message } = cause as Error
    throw new DataError(`Expected YAML in ${url}, got ${message}`, { url }, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw new DataError(
    `Expected ${url} to be a YAML map with \`train\` and \`names\`, got something else`,
    { url },
  )
}

function paths(value: unknown, split: string, url: string): readonly string[] {
  if (value === undefined || value === null || value === '') return []
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.every((each) => typeof each === 'string')) return list
  throw new DataError(`Expected \`${split}\` of ${url} to be a path or a list of them`, { url })
}

/** Names by number, from a list or a map. */
function classNames(value: unknown, url: string): ReadonlyMap<number, string> | undefined {
  if (value === undefined || value === null) return undefined
  const entries = typeof value === 'object' ? Object.entries(value) : []
  const names = entries.map(([key, name]) => [Number(key), String(name)] as const)
  if (names.length > 0 && names.every(([key]) => Number.isInteger(key))) return new Map(names)
  throw new DataError(`Expected \`names\` of ${url} to be a list or a map from numbers`, { url })
}
