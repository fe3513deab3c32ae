import { resolve } from 'node:path'
import type { Schema } from 'apache-arrow'
import { FlowError, OptionError, SchemaError } from '../errors.ts'
import type { Flow, Guarantee } from '../flow/flow.ts'
import { requireModelPlace } from '../models/model-place.ts'
import { knownOptions, nearest, oneOf } from '../options.ts'
import { isInside } from '../path-inside.ts'
import { guarantees, weakerSinks } from './guarantee.ts'
import { flowsOf, type Job, partsOf } from './plan.ts'
import { optionProblem, type Problem } from './problem.ts'
import { unresumable } from './resumable.ts'

export type { Problem } from './problem.ts'

/** What a check knows of one part of the plan. */
export interface CheckedPart {
  /** The part. */
  readonly part: Flow<unknown>
  /** Its schema, if it can be known. */
  readonly schema: Schema | undefined
}

/** What a job is checked for, besides its wiring. */
export interface CheckOptions {
  /**
   * What every sink must promise.
   *
   * @default 'at-least-once', which each does
   */
  readonly require?: Guarantee
  /**
   * Whether the job is going to be run with checkpoints: then each part must be one that can be resumed.
   *
   * @default false
   */
  readonly checkpoint?: boolean
}

/**
 * Walks the plan of a job from its sources to its ends, asking each part for its schema: reads
 * metadata, no data. Returns what is wrong, and where the schema is unknown because a foreign
 * RxJS operator hides it.
 *
 * @throws {OptionError} if an option is wrong
 */
export async function check(job: Job, options: CheckOptions = {}): Promise<readonly Problem[]> {
  return (
    await checkParts(
      flowsOf(job).map(({ flow }) => flow),
      options,
    )
  ).problems
}

/** As {@link check}, with the schema of each part. */
export async function checkParts(
  flows: readonly Flow<unknown>[],
  options: CheckOptions = {},
): Promise<{
  readonly parts: readonly CheckedPart[]
  readonly problems: readonly Problem[]
}> {
  knownOptions('check', options, ['require', 'checkpoint'])
  const required = oneOf('require', options.require ?? 'at-least-once', guarantees)
  const schemas = new Map<Flow<unknown>, Schema | undefined>()
  const problems: Problem[] = []
  for (const part of partsOf(flows)) {
    const inputs = (part.info.inputs ?? []).map((input) => schemas.get(input))
    const known = inputs.filter((schema) => schema !== undefined)
    try {
      const schema = known.length < inputs.length ? undefined : await part.info.schema?.(known)
      schemas.set(part, schema)
      if (!schema && known.length === inputs.length) problems.push(unknown(part))
    } catch (error) {
      schemas.set(part, undefined)
      problems.push(problemOf(part, inputs, error))
    }
  }
  problems.push(...sameTargets(flows), ...(await takenPlaces(flows)))
  problems.push(...weakerSinks(flows, required))
  if (options.checkpoint) problems.push(...unresumable(flows))
  for (const flow of flows) if (!writes(flow)) problems.push(drained(flow))
  return { parts: [...schemas].map(([part, schema]) => ({ part, schema })), problems }
}

function problemOf(
  part: Flow<unknown>,
  inputs: readonly (Schema | undefined)[],
  error: unknown,
): Problem {
  if (!(error instanceof FlowError)) throw error
  const { message, code } = error
  const problem = { level: 'error', operator: part.info.name, message, code } as const
  if (!(error instanceof SchemaError)) return problem
  const { column } = error
  const fields = inputs.flatMap((schema) => schema?.fields ?? [])
  const there = fields.find((field) => field.name === column)
  if (there) return { ...problem, column, actual: String(there.type) }
  const names = fields.map((field) => field.name)
  const suggestion = nearest(column, names)
  return { ...problem, column, ...(suggestion !== undefined && { suggestion }) }
}

/** The first part whose schema cannot be known; what follows it is unknown with it. */
function unknown(part: Flow<unknown>): Problem {
  const { name, role, inputs = [] } = part.info
  const after = inputs.map((input) => input.info.name).join(', ')
  const what = role === 'foreign' ? `an RxJS operator after ${after}` : name
  return {
    level: 'note',
    operator: name,
    message: `Expected parts whose schema is known, got ${what}: nothing is checked from there to declare(schema)`,
  }
}

function writes(flow: Flow<unknown>): boolean {
  return partsOf([flow]).some((part) => part.info.role === 'sink')
}

function drained(flow: Flow<unknown>): Problem {
  const message = `Expected a sink at the end, got ${flow.info.name}: the run reads all rows and writes none`
  return { level: 'note', operator: flow.info.name, message }
}

/** What a part writes under its final name at the end. */
interface Written {
  readonly name: string
  readonly path: string
  /** Whether all that is there is replaced, as by a model. */
  readonly whole: boolean
}

/** The parts that would write what another one writes, or into a model's folder: one of the two would be lost. */
export function sameTargets(flows: readonly Flow<unknown>[]): readonly Problem[] {
  const others: Written[] = []
  return partsOf(flows).flatMap(({ info: { name, target, saves } }) => {
    const path = saves === undefined ? target : resolve(saves)
    if (path === undefined) return []
    const own = { name, path, whole: saves !== undefined }
    const other = others.find((written) => clashes(written, own))
    others.push(own)
    if (!other) return []
    const both =
      other.path === path
        ? `${other.name} and ${name} that both write ${path}`
        : `${other.name} that writes ${other.path} and ${name} that writes ${path}`
    return [optionProblem(name, `Expected each part to write somewhere else, got ${both}`)]
  })
}

function clashes(a: Written, b: Written): boolean {
  return (
    a.path === b.path ||
    (a.whole && isInside(a.path, b.path)) ||
    (b.whole && isInside(b.path, a.path))
  )
}

/** The parts that would save a model over something else. */
export async function takenPlaces(flows: readonly Flow<unknown>[]): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const { info } of partsOf(flows)) {
    if (info.saves === undefined) continue
    try {
      await requireModelPlace(info.saves)
    } catch (error) {
      if (!(error instanceof OptionError)) throw error
      problems.push(optionProblem(info.name, error.message))
    }
  }
  return problems
}
