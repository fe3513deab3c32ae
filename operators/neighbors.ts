import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { operateTable, type StoredTable } from '../src/table/column-store.ts'
import { OptionError } from '../src/errors.ts'
import { flowOf } from '../src/flow/flow.ts'
import { FrozenNeighbors } from '../src/neighbors/frozen-neighbors.ts'
import { saveAtEnd } from '../src/learn/save-at-end.ts'
import { neighborIndex } from '../src/models/indexes.ts'
import type { IndexKind } from '../src/models/neighbor-index.ts'
import { neighborFields } from '../src/neighbors/neighbor-columns.ts'
import { insertTable, nearestByIndex, nearestInTable } from '../src/neighbors/neighbor-search.ts'
import { OnlineNeighbors } from '../src/neighbors/online-neighbors.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, localPath, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import type { Run } from '../src/run/run-state.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { tensorShape } from '../src/batch/tensor.ts'

/** Options of {@link neighbors}. */
export interface NeighborsOptions {
  /**
   * Column of embeddings.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * How many neighbours. Above 1 all are listed too.
   *
   * @default 1
   */
  readonly k?: number
  /**
   * How far apart two embeddings are: 1 − cos, or the length of their difference.
   *
   * @default 'cosine'
   */
  readonly metric?: 'cosine' | 'euclidean'
  /**
   * Compare with every row, or follow a graph of near rows (approximate, faster for many rows).
   *
   * @default 'exact' for a bounded flow below 100,000 rows, else 'hnsw'
   */
  readonly index?: IndexKind
  /**
   * `fit`: all rows first, then each among all others. `online`: each row among those before it.
   *
   * @default 'fit' for a bounded flow, else 'online'
   */
  readonly mode?: 'fit' | 'online'
  /** Folder of a saved index: each row is searched among its rows, which stay as they are. */
  readonly model?: string
  /** Folder in which the index is saved at the end. */
  readonly save?: string
  /**
   * Rows that `online` inserts at a time. No row waits for it.
   *
   * @default 256
   */
  readonly windowRows?: number
}

const names = ['column', 'k', 'metric', 'index', 'mode', 'model', 'save', 'windowRows'] as const
/** Below so many rows a bounded flow is searched exactly by default. */
const exactRows = 100_000
const indexBytes = '4 bytes per value and the id of each row, for hnsw 300 bytes per row more'

/**
 * Finds for each row the nearest other rows by their embeddings.
 *
 * - Rows: n to n, in input order.
 * - Columns: `id`, `embedding` (tensor) → `near_id` (Utf8), `near_distance` (Float64), and with `k` above 1
 *   `neighbor_ids`, `neighbor_distances` (lists, nearest first, shorter where there are fewer rows).
 * - Ties: the earlier row. A zero embedding is at cosine distance 1 from everything.
 * - Nulls: a row without embedding is nobody's neighbour and gets nulls.
 * - State: `fit`, exact: blocks of embeddings (192 MiB, less if the run's memory asks for it), 12 bytes per row and neighbour, the ids.
 *   `online` or `hnsw`: the index, which grows with the rows: 4 bytes per value, and for `hnsw` 300 more per row.
 * - Output does not depend on the batches; with `hnsw` it is approximate and equal at every run.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong; when applied, if `fit` would never end
 * @throws {SchemaError} if a column is missing, no tensor, or of another length than the saved index
 * @throws {DataError} on the stream, if a value is not finite, an id comes twice where there is an index, or the saved one is damaged
 * @example
 * flow.pipe(neighbors()) // => { id: 'a.png', near_id: 'b.png', near_distance: 0.02, … }
 */
export function neighbors(
  options: NeighborsOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const checked = checkedOptions(options)
  return (source) => {
    const input = flowOf(source)
    if (checked.model !== undefined) return frozen(checked, checked.model)(input)
    const mode = checked.mode ?? (input.bounded ? 'fit' : 'online')
    if (mode === 'online') return online(checked)(input)
    if (input.bounded) return fit(checked)(input)
    throw new OptionError(
      `Expected a bounded flow for neighbors in mode 'fit', got an unbounded one`,
    )
  }
}

type Checked = ReturnType<typeof checkedOptions>

function checkedOptions(options: NeighborsOptions) {
  knownOptions('neighbors', options, names)
  const { index, mode, model, save } = options
  if (model !== undefined)
    for (const name of ['metric', 'index', 'mode', 'save', 'windowRows'] as const)
      if (options[name] !== undefined)
        throw new OptionError(`Expected no option \`${name}\` beside \`model\`, which decides it`)
  return {
    column: nonEmptyString('column', options.column ?? 'embedding'),
    k: positiveInteger('k', options.k ?? 1),
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean']),
    index: index && oneOf('index', index, ['exact', 'hnsw']),
    mode: mode && oneOf('mode', mode, ['fit', 'online']),
    model: model === undefined ? undefined : nonEmptyString('model', model),
    save: save === undefined ? undefined : localPath('save', save),
    windowRows: positiveInteger('windowRows', options.windowRows ?? 256),
  }
}

function schemaOf({ column, k }: Checked, input: Schema): Schema {
  requireField(input, 'id', { owner: 'neighbors', kind: 'text' })
  requireField(input, column, { owner: 'neighbors', kind: 'tensor' })
  return schemaWith(input, neighborFields(k))
}

function lengthOf({ column }: Checked, schema: Schema): number {
  const field = requireField(schema, column, { owner: 'neighbors', kind: 'tensor' })
  return tensorShape(field).reduce((a, b) => a * b, 1)
}

function fit(options: Checked): OperatorFunction<RecordBatch, RecordBatch> {
  return operateTable({
    name: 'neighbors',
    saves: options.save,
    settings: { ...options, mode: 'fit' },
    schema: (input) => schemaOf(options, input),
    // A block, the kernel's copy of it, and the rows that it is compared with.
    memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
    holds: `the ids, 12 bytes per row and neighbour; of an index, ${indexBytes}`,
    run: (table, { run }, memoryBytes) => fitted(options, table, { run, memoryBytes }),
  })
}

async function* fitted(
  options: Checked,
  table: StoredTable,
  { run, memoryBytes }: { readonly run: Run | undefined; readonly memoryBytes: number },
): AsyncGenerator<RecordBatch> {
  const kind = options.index ?? (table.numRows < exactRows ? 'exact' : 'hnsw')
  const index =
    kind === 'hnsw' || options.save !== undefined
      ? neighborIndex(kind, options.metric, lengthOf(options, table.schema))
      : undefined
  try {
    if (index && kind === 'hnsw') yield* nearestByIndex(table, options, index)
    else yield* nearestInTable(table, options, memoryBytes / 3)
    if (index && kind === 'exact') await insertTable(table, options, index)
    if (index && options.save !== undefined) await saveAtEnd(options.save, await index.state(), run)
  } finally {
    await index?.close()
  }
}

function online(options: Checked): OperatorFunction<RecordBatch, RecordBatch> {
  const { index = 'hnsw', save } = options
  return operate<RecordBatch, RecordBatch>({
    name: 'neighbors',
    learns: true,
    saves: save,
    settings: { ...options, index, mode: 'online' },
    schema: (input) => schemaOf(options, input),
    holds: `the ids, and an index: ${indexBytes}`,
    start: ({ run, signal }, { key }) =>
      new OnlineNeighbors({
        ...options,
        kind: index,
        ...(run?.durable && { place: { run, key, signal } }),
        done: async (filled) => {
          if (save !== undefined) await saveAtEnd(save, await filled.state(), run)
        },
      }),
  })
}

function frozen(options: Checked, folder: string): OperatorFunction<RecordBatch, RecordBatch> {
  return operate<RecordBatch, RecordBatch>({
    name: 'neighbors',
    settings: { ...options, mode: 'frozen' },
    schema: (input) => schemaOf(options, input),
    holds: `its index, with the ids: ${indexBytes}`,
    start: () => new FrozenNeighbors(options, folder),
  })
}
