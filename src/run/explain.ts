import type { Schema } from 'apache-arrow'
import { type CheckedPart, type CheckOptions, checkParts, type Problem } from './check.ts'
import type { Flow, Guarantee } from '../flow/flow.ts'
import { isHeavy } from '../batch/schema.ts'
import { guarantees } from './guarantee.ts'
import { memoryBudget, sharedMemory, threadsWithin } from './memory.ts'
import { flowsOf, type Job } from './plan.ts'
import { settingsWithoutSecrets } from '../secrets.ts'
import { type SpilledRow, spilledRow } from './spilled-row.ts'

/** A column of a plan's schema. */
export interface PlannedColumn {
  /** Its name. */
  readonly name: string
  /** Its Arrow type. */
  readonly type: string
  /** Whether its values are large: dropped once no later operator declares it. */
  readonly heavy: boolean
}

/** One part of a plan: a source, an operator, a sink. */
export interface PlanNode {
  /** Number of the part, from 1, inputs before what reads them. */
  readonly id: number
  /** Name. */
  readonly name: string
  /** What it is. */
  readonly role: Flow<unknown>['info']['role']
  /** Numbers of the parts it reads from. */
  readonly inputs: readonly number[]
  /** Whether it ends by itself. */
  readonly bounded: boolean
  /** Options worth showing, without passwords and signatures. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Columns that come out, if they are known. */
  readonly columns?: readonly PlannedColumn[]
  /** Most bytes held, if that is known: its share of the budget, where there is one. */
  readonly memoryBytes?: number
  /** What it holds beyond that, in words. */
  readonly holds?: string
  /** Delivery, of a sink. */
  readonly guarantee?: Guarantee
  /** What a row takes on disk, of a blocking operator whose columns are known. */
  readonly spill?: SpilledRow
}

/** A job as it would run. */
export interface Plan {
  /** Its flows: name, and the number of the last part. */
  readonly flows: readonly { readonly name: string; readonly end: number }[]
  /** Every part, once. */
  readonly parts: readonly PlanNode[]
  /** Sum of the memory bounds that are known. */
  readonly memoryBytes: number
  /** The smallest budget with which it would run. */
  readonly leastMemoryBytes: number
  /** Worker threads at most, where the budget limits them. */
  readonly threads?: number
  /** Numbers of the parts that state no bound. */
  readonly unstated: readonly number[]
  /** Weakest delivery among the sinks, if there is one. */
  readonly guarantee?: Guarantee
  /** What `check` found. */
  readonly problems: readonly Problem[]
}

/** Options of {@link explain}. */
export interface ExplainOptions extends CheckOptions {
  /** See {@link RunSettings}. */
  readonly memory?: number | string
}

/**
 * Returns the plan of a job: its parts with settings, schema, memory bound and delivery. Reads metadata, no data.
 *
 * @throws {OptionError} if an option is wrong, or `memory` too small for the plan
 */
export async function explain(job: Job, options: ExplainOptions = {}): Promise<Plan> {
  const { memory: most, ...checked } = options
  const flows = flowsOf(job)
  const budget = memoryBudget(most)
  const memory = sharedMemory(
    flows.map(({ flow }) => flow),
    budget,
  )
  const threads = budget === undefined ? undefined : threadsWithin(budget)
  const { parts, problems } = await checkParts(
    flows.map(({ flow }) => flow),
    checked,
  )
  const ids = new Map(parts.map(({ part }, i) => [part, i + 1]))
  const schemas = new Map(parts.map(({ part, schema }) => [part, schema]))
  const nodes = parts.map((part) => ({
    ...nodeOf(part, ids, memory.windows.get(part.part)),
    ...spillOf(part, schemas),
  }))
  const guarantee = guarantees.find((g) => nodes.some((node) => node.guarantee === g))
  return {
    flows: flows.map(({ name, flow }) => ({ name, end: ids.get(flow) ?? 0 })),
    parts: nodes,
    memoryBytes: memory.sum,
    leastMemoryBytes: memory.least,
    ...(threads !== undefined && { threads }),
    unstated: nodes.filter((node) => node.memoryBytes === undefined).map((node) => node.id),
    ...(guarantee && { guarantee }),
    problems,
  }
}

function nodeOf(
  { part, schema }: CheckedPart,
  ids: ReadonlyMap<Flow<unknown>, number>,
  memoryBytes: number | undefined,
): PlanNode {
  const { name, role, inputs = [], settings = {}, holds, guarantee } = part.info
  const columns = schema?.fields.map((field) => ({
    name: field.name,
    type: String(field.type),
    heavy: isHeavy(field),
  }))
  return {
    id: ids.get(part) ?? 0,
    name,
    role,
    inputs: inputs.map((input) => ids.get(input) ?? 0),
    bounded: part.bounded,
    settings: settingsWithoutSecrets(settings),
    ...(columns && { columns }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(holds !== undefined && { holds }),
    ...(guarantee && { guarantee }),
  }
}

function spillOf(
  { part, schema }: CheckedPart,
  schemas: ReadonlyMap<Flow<unknown>, Schema | undefined>,
): Pick<PlanNode, 'spill'> {
  const { settings = {}, inputs: [input] = [] } = part.info
  const spill = spilledRow(settings['spill'], schema, input && schemas.get(input))
  return spill ? { spill } : {}
}
