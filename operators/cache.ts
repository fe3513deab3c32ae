import { resolve } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { release, slotOf } from '../src/flow/slot-of.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { partsOf } from '../src/run/plan.ts'
import { cachedRows, type ChangedCache, changes } from '../src/table/cached-rows.ts'

/** Options of {@link cache}. */
export interface CacheOptions {
  /** Folder of the cache, made when it is whole; the folder above it too. */
  readonly folder: string
  /**
   * What has to be the same besides the plan above: a text that changes with what the plan does not show, such as the
   * data itself, or what a function reads besides its arguments.
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
        const rows = `${context.run?.key(flow, 'cache') ?? 'cache'} rows`
        const bytes = memoryOf(flow, context) / 2
        yield* cachedRows({ input, folder, key, changed, slot, context, rows, bytes })
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
