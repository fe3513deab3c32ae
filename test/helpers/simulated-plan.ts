import type { Random } from '../../src/kernels/random.ts'

/** A part of a pipeline as data: from it the flow is built, and its rows are foretold. */
export type PlanPart =
  | {
      readonly type: 'source'
      readonly name: string
      readonly rows: number
      readonly batch: number
    }
  | ({ readonly type: 'operate'; readonly input: PlanPart } & Operation)
  | { readonly type: 'rebatch'; readonly input: PlanPart; readonly rows: number }
  | { readonly type: 'limit'; readonly input: PlanPart; readonly rows: number }
  | Table
  | Joint<'concat'>
  | Joint<'merge'>
  | Joint<'zip'>
  | (Joint<'first'> & { readonly name: string; readonly rows: number })
  | { readonly type: 'branch'; readonly fan: PlanPart; readonly index: number; readonly of: number }

/** A blocking operator. */
export interface Table {
  readonly type: 'table'
  readonly input: PlanPart
  /** Whether it stands on the table that is its input, with nothing in between. */
  readonly stacked: boolean
}

interface Joint<Type> {
  readonly type: Type
  readonly inputs: readonly PlanPart[]
}

/** What a simulated operator does with each row. */
export interface Operation {
  /** Name, unlike any other. */
  readonly name: string
  /** Rejects one row in so many, by its id; 0: none. */
  readonly rejects: number
  /** Drops one row in so many, by its id; 0: none. */
  readonly drops: number
  /** Makes two rows of one. */
  readonly expands: boolean
  /** Numbers the rows, which takes state, and tells at the end how many there were. */
  readonly counts: boolean
  /** Batches in work at a time. */
  readonly concurrency: number
  /** Whether answers keep their order. */
  readonly ordered: boolean
}

/** What a part gives. */
export interface Foretold {
  /** Ids of its rows. */
  readonly ids: readonly string[]
  /** Whether their order does not depend on timing. */
  readonly ordered: boolean
  /** Whether some rows became rejects on the way. */
  readonly rejects: boolean
}

/** A pipeline: a part per sink. */
export type SimulatedPlan = readonly PlanPart[]

/**
 * Draws a pipeline of a few parts. If tables may be `shared` some have several readers: in one flow, behind what
 * ends early, and in flows of their own.
 */
export function drawPlan(random: Random, { shared = false } = {}): SimulatedPlan {
  let names = 0
  /** Tables that another flow may read too: none that waits for a branch which that is to read itself. */
  let tables: PlanPart[] = []
  function below(n: number): number {
    return Math.floor(random.uniform() * n)
  }
  function source(): PlanPart {
    return { type: 'source', name: `s${String(++names)}-`, rows: below(30), batch: 1 + below(5) }
  }
  function operation(input: PlanPart): PlanPart {
    const { ordered } = foretell(input)
    const concurrency = 1 + below(3)
    const counts = ordered && below(2) === 0
    return {
      type: 'operate',
      input,
      name: `o${String(++names)}`,
      rejects: below(2) * (2 + below(6)),
      drops: below(2) * (2 + below(6)),
      expands: below(4) === 0,
      counts,
      concurrency: counts ? 1 : concurrency,
      ordered: counts || below(3) > 0,
    }
  }
  /** What ends early may leave rejects behind that have not come yet, as timing will have it. */
  function mayEndEarly(...parts: readonly PlanPart[]): boolean {
    return parts.map((part) => foretell(part)).every(({ ordered, rejects }) => ordered && !rejects)
  }
  function next(part: PlanPart): PlanPart {
    const kind = below(shared ? 12 : 9)
    if (kind <= 2) return operation(part)
    if (kind === 3) return { type: 'rebatch', input: part, rows: 1 + below(6) }
    if (kind === 4 && mayEndEarly(part)) return { type: 'limit', input: part, rows: 1 + below(20) }
    if (kind === 8) return table(part)
    const other = reader() ?? chain(below(2))
    if (kind === 5)
      return { type: 'concat', inputs: below(2) === 0 ? [part, other] : [other, part] }
    if (kind === 6) return { type: 'merge', inputs: [part, other] }
    if (kind >= 9) return first(part, other)
    return mayEndEarly(part, other) ? { type: 'zip', inputs: [part, other] } : part
  }
  /** Takes the first rows that come, whichever they are. */
  function first(...inputs: readonly PlanPart[]): PlanPart {
    if (inputs.some((input) => foretell(input).rejects)) return { type: 'merge', inputs }
    return { type: 'first', inputs, name: `f${String(++names)}-`, rows: 1 + below(8) }
  }
  function table(input: PlanPart): PlanPart {
    const made: Table = { type: 'table', input, stacked: shared && input.type === 'table' }
    tables.push(made)
    return made
  }
  /** Now and then a table that has a reader already. */
  function reader(): PlanPart | undefined {
    return shared && below(3) > 0 ? tables[below(tables.length)] : undefined
  }
  function chain(length: number): PlanPart {
    let part = source()
    if (shared && below(3) === 0) part = table(part)
    for (let i = 0; i < length; i++) part = next(part)
    return part
  }
  function extended(part: PlanPart, most: number): PlanPart {
    let made = part
    for (let i = below(most); i > 0; i--) made = next(made)
    return made
  }
  const ends: PlanPart[] = []
  for (let end = below(2); end >= 0; end--) {
    const part = chain(below(4))
    const of = 2 + below(2)
    if (below(2) === 0) ends.push(part)
    else
      for (let index = 0; index < of; index++) {
        const before = tables
        tables = [...tables]
        const branch: PlanPart = { type: 'branch', fan: part, index, of }
        ends.push(extended(shared && below(2) === 0 ? table(branch) : branch, 3))
        const read = reader()
        if (read) ends.push(extended(read, 3))
        tables = before
      }
    const read = reader()
    if (read) ends.push(extended(read, 3))
  }
  return ends
}

/** What comes out of a part; the rejects on the way are put into `rejects`, once for each part. */
export function foretell(
  part: PlanPart,
  rejects = new Map<PlanPart, readonly string[]>(),
): Foretold {
  const { type } = part
  if (type === 'source') {
    const ids = Array.from({ length: part.rows }, (_, i) => part.name + String(i))
    return { ids, ordered: true, rejects: false }
  }
  if (type === 'branch') return foretell(part.fan, rejects)
  if (type === 'operate') {
    const input = foretell(part.input, rejects)
    const step = new OperationStep(part)
    const ids = [...input.ids.flatMap((id) => step.next(id)), ...step.flush()]
    rejects.set(part, step.rejected)
    const ordered = input.ordered && part.ordered
    return { ids, ordered, rejects: input.rejects || step.rejected.length > 0 }
  }
  if (type === 'rebatch') return foretell(part.input, rejects)
  if (type === 'limit') {
    const input = foretell(part.input, rejects)
    return { ...input, ids: input.ids.slice(0, part.rows) }
  }
  if (type === 'table') {
    const input = foretell(part.input, rejects)
    const total = input.ids.length
    return { ...input, ids: input.ids.map((id) => totalled(id, total)) }
  }
  const inputs = part.inputs.map((input) => foretell(input, rejects))
  if (type === 'first') {
    const rows = inputs.reduce((sum, input) => sum + input.ids.length, 0)
    const length = Math.min(rows, part.rows)
    const ids = Array.from({ length }, (_, i) => part.name + String(i))
    return { ids, ordered: true, rejects: false }
  }
  const ids =
    type === 'zip'
      ? zipped(inputs[0]?.ids ?? [], inputs[1]?.ids ?? [])
      : inputs.flatMap((input) => input.ids)
  return {
    ids,
    ordered: type !== 'merge' && inputs.every(({ ordered }) => ordered),
    rejects: inputs.some((input) => input.rejects),
  }
}

/** What a simulated operator does, row by row. */
export class OperationStep {
  /** Rows seen. */
  count = 0
  /** Ids of the rows refused since this list was emptied. */
  rejected: string[] = []
  readonly #operation: Operation

  constructor(operation: Operation) {
    this.#operation = operation
  }

  /** Ids of the rows that one row becomes. */
  next(id: string): readonly string[] {
    const { name, rejects, drops, expands, counts } = this.#operation
    const hash = hashOf(id + name)
    this.count++
    if (rejects > 0 && hash % rejects === 0) {
      this.rejected.push(id)
      return []
    }
    if (drops > 0 && (hash >> 8) % drops === 0) return []
    const made = counts ? `${id}:${String(this.count)}` : id
    return expands ? [`${made}a`, `${made}b`] : [made]
  }

  /** Ids of the rows that come at the end. */
  flush(): readonly string[] {
    const { name, counts } = this.#operation
    return counts ? [`${name}=${String(this.count)}`] : []
  }
}

/** An id with the number of all rows. */
export function totalled(id: string, total: number): string {
  return `${id}/${String(total)}`
}

/** One id of two. */
export function pairOf(a: string, b: string): string {
  return `${a}+${b}`
}

function zipped(a: readonly string[], b: readonly string[]): readonly string[] {
  return a.slice(0, b.length).map((id, i) => pairOf(id, b[i] ?? ''))
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
