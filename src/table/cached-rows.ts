import { randomBytes } from 'node:crypto'
import { RecordBatch, type Schema } from 'apache-arrow'
import { withoutHeavy } from '../batch/batch.ts'
import { isHeavy, schemaWithoutHeavy } from '../batch/schema.ts'
import { nodeDisk } from '../disk.ts'
import { ConnectorError, OptionError, SchemaError } from '../errors.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, type Control, Rejects } from '../flow/control.ts'
import type { Flow } from '../flow/flow.ts'
import type { Slot } from '../flow/slot.ts'
import { release } from '../flow/slot-of.ts'
import { source } from '../flow/source.ts'
import { slotFolderName } from '../run/checkpoint-folder.ts'
import type { StoredPlanPart } from '../run/manifest.ts'
import { planDifference, planRecord } from '../run/plan-record.ts'
import {
  type CachePosition,
  type CacheState,
  CacheWriter,
  openCache,
  readCache,
  type StoredCache,
} from './table-cache.ts'

/** What happens to a cache of another plan. */
export type ChangedCache = (typeof changes)[number]

/** The choices for {@link ChangedCache}. */
export const changes = ['recompute', 'fail'] as const

/** One time that the rows of a cache are asked for. */
export interface CachePass {
  /** What is cached. */
  readonly input: Flow<RecordBatch>
  /** Where. */
  readonly folder: string
  /** What the plan does not show. */
  readonly key: string | undefined
  /** What happens to a cache of another plan. */
  readonly changed: ChangedCache
  /** The place of the cache in the run. */
  readonly slot: Slot
  /** What it is read with. */
  readonly context: Context
  /** Name of the source that the rows on disk are, unique in the run. */
  readonly rows: string
  /** For a block of each column. */
  readonly bytes: number
}

/** Reads, passes rows without writing them, or writes and has come so far. */
type State = 'reads' | 'passes' | CacheState

/** What the rows depend on. */
type Plan = readonly StoredPlanPart[]

/** The rows of `pass.input`: from disk if they are there, else as they come, and then they are kept. */
export async function* cachedRows(pass: CachePass): AsyncGenerator<RecordBatch | Control> {
  const plan = planOf(pass)
  const stored = await storedRows(pass, plan)
  if (stored) release([pass.input], pass.context)
  yield* stored ? reading(pass, stored) : writing(pass, plan)
}

/** What the rows depend on: the plan above, and what is in no plan as one part more. */
function planOf({ input, key = '', context: { run } }: CachePass): Plan {
  const settings = JSON.stringify({ key, seed: run?.seed ?? 0 })
  return [...planRecord([input]), { key: 'cache', name: 'cache', settings, inputs: [] }]
}

/** The rows on disk, if they are those of this plan, and have all columns that are wanted. */
async function storedRows(pass: CachePass, plan: Plan): Promise<StoredCache | undefined> {
  const { input, folder, changed, slot, context } = pass
  const { run, signal, columns } = context
  const state = slot.state as State | undefined
  const schema = await input.schema()
  if (!schema)
    throw new SchemaError(
      'Expected cache behind parts whose schema is known, got one that is not: say it with declare(schema) before it',
      { column: '' },
    )
  if (run?.only || (state !== undefined && state !== 'reads')) return undefined
  const stored = await openCache(folder, { disk: run?.disk ?? nodeDisk, signal })
  const difference = stored ? planDifference(stored.plan, plan) : []
  const wanted = schema.fields.filter((f) => isHeavy(f) && (columns?.has(f.name) ?? true))
  const names = stored?.table.schema.names ?? []
  if (stored && difference.length === 0 && wanted.every(({ name }) => names.includes(name)))
    return stored
  if (state === 'reads') throw gone(folder)
  if (changed === 'fail' && difference.length > 0)
    throw new OptionError(
      `Expected the plan of the rows cached in ${folder}, got another:\n${difference.join('\n')}\nRemove the folder, or let \`changed\` be 'recompute'`,
    )
  return undefined
}

async function* reading(
  { slot, context, rows: name }: CachePass,
  stored: StoredCache,
): AsyncGenerator<RecordBatch | Control> {
  const { schema } = stored.table
  const carried = context.columns ? schemaWithoutHeavy(schema, context.columns) : schema
  const rows = source<RecordBatch, CachePosition>({
    name,
    schema: () => carried,
    read: (_context, from) => readCache(stored, carried.names.map(String), from),
  })
  for await (const value of rows.pull(context)) {
    if (value instanceof Barrier) slot.save(value, 'reads' satisfies State)
    if (value instanceof RecordBatch) slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
    yield value
  }
}

async function* writing(pass: CachePass, plan: Plan): AsyncGenerator<RecordBatch | Control> {
  const { input, slot, context } = pass
  const { run, signal, columns } = context
  const writer = await writerOf(pass)
  let whole = false
  try {
    for await (const value of input.pull(context)) {
      const kept = value instanceof RecordBatch ? withoutHeavy(value, columns) : value
      if (kept instanceof RecordBatch) slot.counts.rowsIn = slot.counts.rowsKept += kept.numRows
      if (kept instanceof RecordBatch || kept instanceof Rejects) await writer?.push(kept)
      if (kept instanceof Barrier)
        slot.save(kept, ((await writer?.save()) ?? 'passes') satisfies State)
      yield kept
    }
    // The sources of a run that is drained end as if they had given all.
    if (signal.aborted || run?.draining) return
    const schema = (await input.schema()) as Schema
    await writer?.finish(plan, columns ? schemaWithoutHeavy(schema, columns) : schema)
    whole = true
  } finally {
    if (writer && !whole) await leave(writer, context)
  }
}

/** A writer for the rows that come; undefined if those before them are not there to go on from. */
async function writerOf(pass: CachePass): Promise<CacheWriter | undefined> {
  const { folder, slot, context, bytes } = pass
  const { id = randomBytes(6).toString('hex'), disk = nodeDisk, only } = context.run ?? {}
  const state = slot.state as State | undefined
  if (only || state === 'passes' || state === 'reads') return undefined
  return state === undefined
    ? CacheWriter.create(folder, { id: `${id}.${slotFolderName(slot.key)}`, disk, bytes })
    : CacheWriter.resume(state, { disk, bytes })
}

/** What is not whole goes, once no checkpoint needs it. */
async function leave(writer: CacheWriter, { run }: Context): Promise<void> {
  if (!run?.durable) {
    await writer.discard()
    return
  }
  await writer.close()
  run.onPublish({
    publish: () => writer.discard(),
    abort: (keep) => (keep ? undefined : writer.discard()),
  })
}

function gone(folder: string): ConnectorError {
  return new ConnectorError(
    `Expected the cache in ${folder}, which was read before the run was resumed, got none or another`,
    { url: folder, retryable: false },
  )
}
