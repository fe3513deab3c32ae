import { createHash } from 'node:crypto'
import type { Flow } from '../flow/flow.ts'
import type { StoredPlanPart } from './manifest.ts'
import { withoutSecrets } from '../secrets.ts'
import { partsOf } from './plan.ts'

/** The plan of `flows` as a checkpoint keeps it: every part once, inputs before what reads them; without passwords, which may change. */
export function planRecord(flows: readonly Flow<unknown>[]): readonly StoredPlanPart[] {
  const keys = new Map<Flow<unknown>, string>()
  const counts = new Map<string, number>()
  return partsOf(flows).map((part) => {
    const { name, inputs = [], settings = {} } = part.info
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const key = count === 1 ? name : `${name}#${String(count)}`
    keys.set(part, key)
    return {
      key,
      name,
      settings: JSON.stringify(canonical(settings)),
      inputs: inputs.map((input) => keys.get(input) ?? ''),
    }
  })
}

/**
 * What a person has to know who changed a plan: a line `- …` for each part as it was, `+ …` as it is
 * now, with the settings that differ. Empty if nothing does.
 */
export function planDifference(
  before: readonly StoredPlanPart[],
  now: readonly StoredPlanPart[],
): readonly string[] {
  const lines: string[] = []
  for (const { removed, added } of gapsBetween(before, now)) {
    for (const part of removed) {
      const changed = added.find(({ name }) => name === part.name)
      if (changed) {
        added.splice(added.indexOf(changed), 1)
        lines.push(...settingsDifference(part, changed))
      } else lines.push(`- ${part.name} ${part.settings}`)
    }
    for (const part of added) lines.push(`+ ${part.name} ${part.settings}`)
  }
  // The same parts may be put together in another way.
  return lines.length > 0 ? lines : before.flatMap((part, i) => inputsDifference(part, now[i]))
}

/** JSON has no order of keys; what it cannot say is said as text, a function by a hash of its source. */
function canonical(value: unknown): unknown {
  if (value === undefined) return undefined
  if (typeof value === 'function') return `function ${sourceHash(value)}`
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof RegExp || value instanceof URL) return withoutSecrets(String(value))
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map) return canonical(Object.fromEntries(value))
  if (Array.isArray(value) || value instanceof Set || ArrayBuffer.isView(value))
    return Array.from(value as Iterable<unknown>, (element) => canonical(element) ?? null)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => typeof member !== 'function' || !isListener.test(key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, canonical(member)]),
  )
}

/** Names of functions that are told something, and decide nothing. */
const isListener = /^on[A-Z]/

function sourceHash(source: unknown): string {
  return createHash('sha256').update(String(source)).digest('hex').slice(0, 12)
}

type Settings = Readonly<Record<string, unknown>>

/** Between two parts that stayed: what went, what came. */
interface Gap {
  readonly removed: StoredPlanPart[]
  readonly added: StoredPlanPart[]
}

/** The gaps between the parts of a longest common subsequence. */
function gapsBetween(
  before: readonly StoredPlanPart[],
  now: readonly StoredPlanPart[],
): readonly Gap[] {
  const common = commonLengths(before, now)
  const gaps: Gap[] = [{ removed: [], added: [] }]
  let i = 0
  let j = 0
  while (i < before.length || j < now.length) {
    const old = before[i]
    const next = now[j]
    const gap = gaps.at(-1) as Gap
    if (old && next && same(old, next)) {
      gaps.push({ removed: [], added: [] })
      i++
      j++
    } else if (next && (!old || lengthAt(common, i, j + 1) > lengthAt(common, i + 1, j))) {
      gap.added.push(next)
      j++
    } else if (old) {
      gap.removed.push(old)
      i++
    }
  }
  return gaps
}

/** For each pair of places: the parts that what follows there has in common. */
function commonLengths(
  before: readonly StoredPlanPart[],
  now: readonly StoredPlanPart[],
): readonly (readonly number[])[] {
  const lengths = Array.from({ length: before.length + 1 }, () =>
    new Array<number>(now.length + 1).fill(0),
  )
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const row = lengths[i] as number[]
      row[j] = same(before[i] as StoredPlanPart, now[j] as StoredPlanPart)
        ? lengthAt(lengths, i + 1, j + 1) + 1
        : Math.max(lengthAt(lengths, i + 1, j), lengthAt(lengths, i, j + 1))
    }
  }
  return lengths
}

function lengthAt(lengths: readonly (readonly number[])[], i: number, j: number): number {
  return lengths[i]?.[j] ?? 0
}

function same(a: StoredPlanPart, b: StoredPlanPart): boolean {
  return a.name === b.name && a.settings === b.settings
}

function settingsDifference(before: StoredPlanPart, now: StoredPlanPart): readonly string[] {
  const old = JSON.parse(before.settings) as Settings
  const next = JSON.parse(now.settings) as Settings
  return [
    `- ${before.name} ${JSON.stringify(without(old, next))}`,
    `+ ${now.name} ${JSON.stringify(without(next, old))}`,
  ]
}

/** The settings that the others do not have in the same way. */
function without(settings: Settings, others: Settings): Settings {
  return Object.fromEntries(
    Object.entries(settings).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(others[name]),
    ),
  )
}

function inputsDifference(before: StoredPlanPart, now: StoredPlanPart | undefined): string[] {
  if (!now || String(before.inputs) === String(now.inputs)) return []
  return [
    `- ${before.key} reads ${before.inputs.join(', ') || 'nothing'}`,
    `+ ${now.key} reads ${now.inputs.join(', ') || 'nothing'}`,
  ]
}
