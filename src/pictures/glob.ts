/** Where a path stands in the segments of a glob: those that may come next. */
export type GlobState = readonly number[]

/**
 * A glob for paths with `/`: `*` and `?` within a name, `[abc]`, `[a-z]`, `[!x]`, `{png,jpg}`, and `**`
 * for any number of folders. Names that begin with a dot match only where the glob has the dot.
 */
export class Glob {
  readonly #segments: readonly (RegExp | '**')[]

  constructor(pattern: string) {
    this.#segments = pattern.split('/').map((s) => (s === '**' ? s : segment(s)))
  }

  /** Before the first name. */
  get start(): GlobState {
    return this.#skip([0])
  }

  /** The state after `name`; an empty one means that nothing below it can match. */
  next(state: GlobState, name: string): GlobState {
    const after = state.flatMap((at) => {
      const segment = this.#segments[at]
      if (segment === '**') return name.startsWith('.') ? [] : [at]
      return segment?.test(name) ? [at + 1] : []
    })
    return this.#skip(after)
  }

  /** Whether a path in this state matches. */
  matches(state: GlobState): boolean {
    return state.includes(this.#segments.length)
  }

  /** Whether a whole path matches. */
  matchesPath(path: string): boolean {
    return this.matches(path.split('/').reduce((at, name) => this.next(at, name), this.start))
  }

  /** `**` may stand for no folder at all. */
  #skip(state: GlobState): GlobState {
    const all = new Set<number>()
    for (let at of state) for (all.add(at); this.#segments[at] === '**'; all.add(at)) at++
    return [...all]
  }
}

/** Whether `text` has characters that mean something in a glob. */
export function isGlob(text: string): boolean {
  return /[*?[\]{}]/.test(text)
}

function segment(glob: string): RegExp {
  let source = ''
  let open = 0
  for (const [part] of glob.matchAll(/\[!?[^\]]+\]|./gsu)) {
    if (part === '{') {
      source += '(?:'
      open++
    } else if (part === '}' && open > 0) {
      source += ')'
      open--
    } else if (part === ',' && open > 0) source += '|'
    else source += one(part)
  }
  const hidden = glob.startsWith('.') ? '' : '(?!\\.)'
  return new RegExp(`^${hidden}${source}${')'.repeat(open)}$`, 'su')
}

function one(part: string): string {
  if (part === '*') return '.*'
  if (part === '?') return '.'
  const set = /^\[(!?)(.+)\]$/su.exec(part)
  if (set) return `[${set[1] ? '^' : ''}${(set[2] ?? '').replace(/[\\^[\]]/g, '\\$&')}]`
  return part.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&')
}
