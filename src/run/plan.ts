import { Observable } from 'rxjs'
import { OptionError } from '../errors.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { kindOf } from '../options.ts'

/**
 * What a run drives: one flow, several, or several by name. Each ends in a sink, or is simply
 * drained. (`pipe` returns a flow that TypeScript takes for an Observable.)
 */
export type Job =
  | Observable<unknown>
  | readonly Observable<unknown>[]
  | Readonly<Record<string, Observable<unknown>>>

/** One flow of a job. */
export interface NamedFlow {
  /** Its name; a flow without one is numbered from 1. */
  readonly name: string
  /** The flow. */
  readonly flow: Flow<unknown>
}

/**
 * The flows of a job, each with a name.
 *
 * @throws {OptionError} if there is none, or something else is among them
 */
export function flowsOf(job: Job): readonly NamedFlow[] {
  const entries: [string, unknown][] =
    job instanceof Observable
      ? [['1', job]]
      : Array.isArray(job)
        ? job.map((flow: unknown, i) => [String(i + 1), flow])
        : isRecord(job)
          ? Object.entries(job)
          : [['1', job]]
  if (entries.length === 0) throw new OptionError('Expected a job of at least one flow, got none')
  return entries.map(([name, flow]) => {
    if (flow instanceof Observable) return { name, flow: flowOf(flow) }
    const place = flow === job ? 'a job' : `flow \`${name}\` of a job`
    throw new OptionError(`Expected ${place} to be a Flow, got ${kindOf(flow)}`)
  })
}

/** Every part of the plans of `flows`, each once, inputs before what reads them. */
export function partsOf(flows: readonly Flow<unknown>[]): readonly Flow<unknown>[] {
  const parts = new Set<Flow<unknown>>()
  function visit(flow: Flow<unknown>): void {
    if (parts.has(flow)) return
    for (const input of flow.info.inputs ?? []) visit(input)
    parts.add(flow)
  }
  flows.forEach(visit)
  return [...parts]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value ?? 0)
  return prototype === Object.prototype || prototype === null
}

/** Rows that the sources of `flows` are going to give; undefined if one cannot tell, or something ends it early. */
export async function rowTotal(
  flows: readonly Flow<unknown>[],
  signal: AbortSignal,
): Promise<number | undefined> {
  const parts = partsOf(flows).map((part) => part.info)
  if (parts.some(({ role, bounded }) => role !== 'source' && bounded)) return undefined
  let total = 0
  for (const { role, count } of parts) {
    if (role !== 'source') continue
    if (!count) return undefined
    total += await count(signal)
  }
  return total
}

/** For each part of the plans of `flows`: the heavy columns that the parts behind it read. */
export function heavyWanted(
  flows: readonly Flow<unknown>[],
): ReadonlyMap<Flow<unknown>, ReadonlySet<string>> {
  const parts = partsOf(flows)
  const wanted = new Map(parts.map((part) => [part, new Set<string>()]))
  for (const part of [...parts].reverse()) {
    const { inputs = [], reads = [], wants } = part.info
    const behind = wanted.get(part) ?? new Set()
    for (const input of inputs)
      for (const name of [...(wants?.(behind) ?? behind), ...reads]) wanted.get(input)?.add(name)
  }
  return wanted
}

/**
 * How often each part of the plans of `flows` is read: once for each way from an end to it. What is shared reads its
 * inputs once.
 */
export function readingsOf(flows: readonly Flow<unknown>[]): ReadonlyMap<Flow<unknown>, number> {
  const readings = new Map<Flow<unknown>, number>()
  function read(part: Flow<unknown>, times: number): void {
    readings.set(part, (readings.get(part) ?? 0) + times)
  }
  for (const flow of flows) read(flow, 1)
  const met = new Set<object>()
  for (const part of [...partsOf(flows)].reverse()) {
    const { inputs = [], shared } = part.info
    if (shared && met.has(shared)) continue
    if (shared) met.add(shared)
    for (const input of inputs) read(input, shared ? 1 : (readings.get(part) ?? 0))
  }
  return readings
}
