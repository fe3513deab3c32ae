import type { Plan, PlanNode } from '../run/explain.ts'
import type { Guarantee } from '../flow/flow.ts'
import type { Problem } from '../run/check.ts'
import { guarantees, meanings } from '../run/guarantee.ts'
import type { SpilledRow } from '../run/spilled-row.ts'
import { byteSize, plural } from './output.ts'

/**
 * A plan as a person reads it: its parts, inputs before what reads them, then the sums. A part that
 * does not read from the one above it says from which.
 */
export function planText(plan: Plan): string {
  const lines = plan.parts.flatMap((part) => [titleOf(part), `      ${columnsOf(part)}`])
  const ends = plan.flows.map(({ name, end }) => `flow ${name} ends at ${String(end)}`)
  return [...lines, ...ends, ...sums(plan), ...plan.problems.map(problemText)].join('\n')
}

/** A problem in one line. */
export function problemText({ level, message, operator }: Problem): string {
  return level === 'error' ? `error: ${message} (in ${operator})` : `note: ${message}`
}

function titleOf(part: PlanNode): string {
  const { id, name, inputs, settings, memoryBytes, guarantee, spill } = part
  const given = Object.entries(settings).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${JSON.stringify(value)}`],
  )
  const above = inputs.length === 0 || (inputs.length === 1 && inputs[0] === id - 1)
  const about = [
    ...(above ? [] : [`from ${inputs.join(', ')}`]),
    ...(part.role === 'source' && !part.bounded ? ['unbounded'] : []),
    ...(memoryBytes === undefined ? [] : [`at most ${byteSize(memoryBytes)}`]),
    ...(guarantee === undefined ? [] : [guarantee]),
    ...(spill === undefined ? [] : [`spills ${spillText(spill)}`]),
  ]
  const options = given.length > 0 ? ` { ${given.join(', ')} }` : ''
  return [`${String(id).padStart(3)} ${name}${options}`, ...about].join(' · ')
}

function columnsOf({ columns }: PlanNode): string {
  if (!columns) return 'columns unknown'
  const names = columns.map(({ name, type, heavy }) => `${name}: ${type}${heavy ? ' (heavy)' : ''}`)
  return names.join(', ') || 'no columns'
}

/** `168 B a row and the values of id, label`. */
function spillText({ bytes, varying }: SpilledRow): string {
  return `${byteSize(bytes)} a row${varying.length > 0 ? ` and the values of ${varying.join(', ')}` : ''}`
}

function sums(plan: Plan): string[] {
  const { memoryBytes, leastMemoryBytes, unstated, parts, guarantee } = plan
  const names = parts.filter((part) => unstated.includes(part.id)).map((part) => part.name)
  const not = names.length > 0 ? `; no bound stated by ${names.join(', ')}` : ''
  return [
    `memory: at most ${byteSize(memoryBytes)} in stated windows, ${byteSize(leastMemoryBytes)} would do${not}`,
    ...beside(plan),
    ...diskOf(parts),
    `delivery: ${guarantee ?? 'nothing is written'}`,
    ...guarantees.flatMap((promise) => deliveryOf(promise, parts)),
  ]
}

/** What is held beside the windows. */
function beside({ parts, threads }: Plan): string[] {
  const held = parts.flatMap(({ name, holds }) =>
    holds === undefined ? [] : [`${name}: ${holds}`],
  )
  const all = threads === undefined ? held : [plural(threads, 'worker thread'), ...held]
  return all.length > 0 ? [`beside the windows: ${all.join('; ')}`] : []
}

function diskOf(parts: readonly PlanNode[]): readonly string[] {
  const spills = parts.flatMap(({ spill }) => spill ?? [])
  if (spills.length === 0) return []
  const bytes = spills.reduce((sum, spill) => sum + spill.bytes, 0)
  return [`disk: spills ${spillText({ bytes, varying: spills.flatMap((s) => s.varying) })}`]
}

/** What the sinks that promise this do when a run with checkpoints is resumed. */
function deliveryOf(promise: Guarantee, parts: readonly PlanNode[]): readonly string[] {
  const sinks = parts.filter(({ guarantee }) => guarantee === promise)
  if (sinks.length === 0) return []
  const names = sinks.map(({ id, name }) => `${String(id)} ${name}`).join(', ')
  return [`  with --checkpoint, ${promise} (${names}): ${meanings[promise]}`]
}
