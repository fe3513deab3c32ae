import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { RecordBatch, type Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { withoutHeavy } from '../src/batch/batch.ts'
import { isHeavy, schemaWithoutHeavy } from '../src/batch/schema.ts'
import { nodeDisk } from '../src/disk.ts'
import { ConnectorError, OptionError, SchemaError } from '../src/errors.ts'
import type { Context } from '../src/flow/context.ts'
import { Barrier, Control, Rejects } from '../src/flow/control.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import type { Slot } from '../src/flow/slot.ts'
import { release, slotOf } from '../src/flow/slot-of.ts'
import { source } from '../src/flow/source.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { slotFolderName } from '../src/run/checkpoint-folder.ts'
import type { StoredPlanPart } from '../src/run/manifest.ts'
import { planDifference, planRecord } from '../src/run/plan-record.ts'
import { partsOf } from '../src/run/plan.ts'
import {
  type CachePosition,
  type CacheState,
  CacheWriter,
  openCache,
  readCache,
  type StoredCache,
} from '../src/table/table-cache.ts'

/** Options of {@link cache}. */
export interface CacheOptions {
  /** Folder of the cache, made when it is whole; the folder above it too. */
  readonly folder: string
  /**
   * What has to be the same besides the plan above: a text that changes with what the plan does not show, such as the
   * data itself, or the code of a function.
   *
   * @default ''
   */
  readonly key?: string
  /**
   * What happens when the plan above, the key or the seed has changed: the rows are made again, or the stream fails and
   * says what differs.
   *
   * @default 'recompute'
   */
  readonly changed?: ChangedCache
}

/** What happens to a cache of another plan. */
export type ChangedCache = (typeof changes)[number]

const changes = ['recompute', 'fail'] as const

const memoryBytes = { least: 2 ** 20, most: 2 ** 26 }

/**
 * Keeps the rows on disk the first time, and from then on reads them there: what is above it is not run again.
 *
 * - Rows: n to n, in order, with the rejects among them. The first time batches pass as they are; later they are of up to
 *   4,096 rows.
 * - Columns: unchanged. Heavy ones are kept as far as they are wanted; when more are, the rows are made again.
 * - Wholeness: written under a hidden name, and renamed when the input has ended by itself. After a reader that ends early,
 *   an error, a drained run or a crash there is no cache, or the one before; a crash without checkpoints leaves the
 *   hidden folder.
 * - Key: the parts above with their settings, `key`, and the seed of the run. A run of some rows again (`replay`)
 *   neither reads nor writes it.
 * - State: less than a block of each column, the rejects, and at a barrier how far the files go; read from disk, its place.
 *
 * @throws {OptionError} at the call, if an option is unknown or of the wrong type, the input does not end, or is a plain
 *   Observable or RxJS operator, whose settings cannot be seen, without `key`; on the stream, if the plan has changed and
 *   `changed` is 'fail'
 * @throws {SchemaError} on the stream, if the schema is not known; see `declare`
 * @throws {DataError} on the stream, if the cache is damaged
 * @example
 * const embedded = pictures.pipe(decode(), resize(size), infer(), cache({ folder: 'embedded' }))
 */
export function cache(options: CacheOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('cache', options, ['folder', 'key', 'changed'])
  const folder = resolve(nonEmptyString('folder', options.folder))
  const key = options.key === undefined ? undefined : nonEmptyString('key', options.key)
  const changed = oneOf('changed', options.changed ?? 'recompute', changes)

  return (above) => {
    const input = flowOf(above)
    checkInput(input, key)
    const flow: Flow<RecordBatch> = new Flow<RecordBatch>(
      async function* (context) {
        const slot = slotOf(flow, 'cache', context)
        if (slot.over) {
          release([input], context)
          return
        }
        const plan = planOf(input, key, context)
        const pass: Pass = {
          input,
          folder,
          plan,
          slot,
          context,
          bytes: memoryOf(flow, context) / 2,
        }
        const stored = await storedRows(pass, changed)
        if (stored) release([input], context)
        yield* stored ? reading(pass, stored, context.run?.key(flow, 'cache')) : writing(pass)
        if (!context.signal.aborted) slot.end()
      },
      {
        name: 'cache',
        role: 'operator',
        inputs: [input],
        schema: ([schema]) => schema as Schema,
        target: folder,
        memoryBytes,
        settings: { folder: options.folder, ...(key !== undefined && { key }), changed },
      },
    )
    return flow
  }
}

/** One time that the rows are asked for. */
interface Pass {
  readonly input: Flow<RecordBatch>
  readonly folder: string
  readonly plan: readonly StoredPlanPart[]
  readonly slot: Slot
  readonly context: Context
  /** For a block of each column. */
  readonly bytes: number
}

/** Reads, passes rows without writing them, or writes and has come so far. */
type State = 'reads' | 'passes' | CacheState

function checkInput(input: Flow<RecordBatch>, key: string | undefined): void {
  if (!input.bounded)
    throw new OptionError(`Expected cache behind a flow that ends, got ${input.info.name}`)
  const unseen = partsOf([input]).find(
    ({ info }) => info.role === 'foreign' || info.resumable === false,
  )
  if (unseen && key === undefined)
    throw new OptionError(
      `Expected cache behind parts whose settings can be seen, got ${unseen.info.name}: give it the option \`key\`, a text that changes with what that gives`,
    )
}

/** What the rows depend on: the plan above, and what is in no plan as one part more. */
function planOf(input: Flow<unknown>, key = '', { run }: Context): readonly StoredPlanPart[] {
  const settings = JSON.stringify({ key, seed: run?.seed ?? 0 })
  return [...planRecord([input]), { key: 'cache', name: 'cache', settings, inputs: [] }]
}

/** The rows on disk, if they are those of this plan, and have all columns that are wanted. */
async function storedRows(pass: Pass, changed: ChangedCache): Promise<StoredCache | undefined> {
  const { input, folder, plan, slot, context } = pass
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
  { slot, context }: Pass,
  stored: StoredCache,
  key = 'cache',
): AsyncGenerator<RecordBatch | Control> {
  const { schema } = stored.table
  const carried = context.columns ? schemaWithoutHeavy(schema, context.columns) : schema
  const rows = source<RecordBatch, CachePosition>({
    name: `${key} rows`,
    schema: () => carried,
    read: (_context, from) => readCache(stored, carried.names.map(String), from),
  })
  for await (const value of rows.pull(context)) {
    if (value instanceof Barrier) slot.save(value, 'reads' satisfies State)
    if (value instanceof RecordBatch) slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
    yield value
  }
}

async function* writing(pass: Pass): AsyncGenerator<RecordBatch | Control> {
  const { input, plan, slot, context } = pass
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
async function writerOf(pass: Pass): Promise<CacheWriter | undefined> {
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
