import { availableParallelism } from 'node:os'
import { OptionError } from '../errors.ts'
import type { Flow } from '../flow/flow.ts'
import { memoryRange, splitMemory } from '../flow/memory.ts'
import { byteCount } from '../options.ts'
import { partsOf } from './plan.ts'

/**
 * Bytes of a budget for which there is one worker thread: with a model session and a decoder a thread takes
 * about as much itself, beside the windows.
 */
const budgetPerThread = 100_000_000

/** How the memory of a run is shared. */
export interface SharedMemory {
  /** Bytes that each part may hold; parts that state nothing are not in it. */
  readonly windows: ReadonlyMap<Flow<unknown>, number>
  /** Sum of the windows. */
  readonly sum: number
  /** The smallest budget that would do. */
  readonly least: number
}

/**
 * Shares a budget in bytes among the parts of `flows`. Each gets its least, and of what is left in
 * proportion to what it could use beyond that; none gets more than its most. Without a budget
 * each gets its most.
 *
 * @throws {OptionError} if the budget is below the sum of what the parts need at least
 */
export function sharedMemory(flows: readonly Flow<unknown>[], budget?: number): SharedMemory {
  const parts = partsOf(flows).filter((part) => part.info.memoryBytes !== undefined)
  const ranges = parts.map((part) => memoryRange(part.info.memoryBytes))
  const least = ranges.reduce((sum, range) => sum + range.least, 0)
  if (budget !== undefined && budget < least) throw tooSmall(budget, least, parts)
  const shares = splitMemory(budget ?? Infinity, ranges)
  const windows = new Map(parts.map((part, i) => [part, shares[i] ?? 0]))
  const sum = shares.reduce((total, bytes) => total + bytes, 0)
  return { windows, sum, least }
}

/** The threads and windows of a run, as its options ask for them. */
export function withinMemory(
  flows: readonly Flow<unknown>[],
  options: { readonly memory?: number | string; readonly threads?: number },
): { readonly threads?: number; readonly windows?: SharedMemory['windows'] } {
  const budget = memoryBudget(options.memory)
  if (budget === undefined) return {}
  return {
    threads: options.threads ?? threadsWithin(budget),
    windows: sharedMemory(flows, budget).windows,
  }
}

/** Bytes of a budget, given as a number or as a size such as `512MB`. */
export function memoryBudget(memory: number | string | undefined): number | undefined {
  return memory === undefined ? undefined : byteCount('memory', memory)
}

/** Worker threads for which a budget has room, at most one per core. */
export function threadsWithin(budget: number): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(budget / budgetPerThread)))
}

function tooSmall(budget: number, least: number, parts: readonly Flow<unknown>[]): OptionError {
  const needs = parts.flatMap(({ info }) => {
    const bytes = memoryRange(info.memoryBytes).least
    return bytes > 0 ? [`${info.name} ${megabytes(bytes)}`] : []
  })
  return new OptionError(
    `Expected option \`memory\` to be at least ${megabytes(least)} for this plan (${needs.join(', ')}), got ${megabytes(budget)}`,
  )
}

/** Rounded up to a tenth, so that what is printed does when it is given. */
function megabytes(bytes: number): string {
  return `${String(Math.ceil(bytes / 100_000) / 10)}MB`
}
