import { OptionError } from '../errors.ts'
import { didYouMean } from '../options.ts'

/** What the parts of a path say of a file. */
export interface PathLabels {
  /** Its class. */
  readonly label: string | null
  /** Its part of the dataset: train, test … */
  readonly split: string | null
}

/** Reads the label and the split from a path with `/`; undefined where the pattern does not match. */
export type LabelReader = (path: string) => PathLabels | undefined

const placeholders = ['label', 'split', 'name']

/** One folder is the label; two are split and label. */
export function labelsFromFolders(path: string): PathLabels | undefined {
  const folders = path.split('/').slice(0, -1)
  const [first = null, second = null] = folders
  if (folders.length === 1) return { label: first, split: null }
  if (folders.length === 2) return { label: second, split: first }
  return undefined
}

/**
 * Reads them by a pattern such as `{split}/{label}/{name}`: `{label}`, `{split}` and `{name}` stand for
 * as few characters of one path part as will do, `*` for any, `**` for any number of folders.
 *
 * @throws {OptionError} if the pattern has neither `{label}` nor `{split}`, has one twice, or has another
 */
export function labelsFromPattern(name: string, pattern: string): LabelReader {
  const used: string[] = []
  const source = pattern.replace(/\{(\w*)\}|\*\*\/|\*|[^{*]+|\{/g, (part, placeholder?: string) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '*') return '[^/]*'
    if (placeholder === undefined) return part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    used.push(placeholder)
    return `(?<${placeholder}>[^/]+?)`
  })
  for (const [at, placeholder] of used.entries())
    if (!placeholders.includes(placeholder) || used.indexOf(placeholder) !== at)
      throw new OptionError(
        `Expected option \`${name}\` to have {label}, {split} and {name} at most once, got {${placeholder}} in \`${pattern}\`${didYouMean(placeholder, placeholders)}`,
      )
  if (!used.includes('label') && !used.includes('split'))
    throw new OptionError(
      `Expected option \`${name}\` to have {label} or {split}, got \`${pattern}\``,
    )
  const regex = new RegExp(`^${source}$`, 's')
  return (path) => {
    const groups = regex.exec(path)?.groups
    return groups && { label: groups.label ?? null, split: groups.split ?? null }
  }
}
