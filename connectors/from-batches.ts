import type { RecordBatch, Schema } from 'apache-arrow'
import { SchemaError } from '../src/errors.ts'
import { differentSchemas } from '../src/batch/schema.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { source } from '../src/flow/source.ts'
import { knownOptions, nonEmptyString, trueOrFalse } from '../src/options.ts'

/** Batches one after another: a Node Readable in object mode, a generator, a list … */
export type Batches = AsyncIterable<RecordBatch> | Iterable<RecordBatch>

/** Options of {@link fromBatches}. */
export interface FromBatchesOptions {
  /**
   * The schema of the batches, so that a pipeline can be checked before one is read.
   *
   * @default not known
   */
  readonly schema?: Schema
  /**
   * Name of the source in plans and counters.
   *
   * @default 'fromBatches'
   */
  readonly name?: string
  /**
   * Whether they end by themselves.
   *
   * @default true
   */
  readonly bounded?: boolean
}

/**
 * Reads batches from a Node Readable in object mode or any (async) iterable, at the reader's pace, or from a function that
 * starts one.
 *
 * - Order: as they come. A Readable or a generator serves one subscription, and is destroyed or returned when that ends.
 * - Resume: a function is called again, and as many rows are passed over as had been read: it has to give the same rows
 *   each time. Anything else cannot start over, and a run with checkpoints refuses it.
 * - Memory: one batch.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {SchemaError} on the stream, if a batch has another schema than was said
 * @example
 * fromBatches(() => reader.batches(), { schema }).pipe(pca({ dimensions: 2 }))
 */
export function fromBatches(
  batches: Batches | ((signal: AbortSignal) => Batches),
  options: FromBatchesOptions = {},
): Flow<RecordBatch> {
  knownOptions('fromBatches', options, ['schema', 'name', 'bounded'])
  const { schema } = options
  const name = nonEmptyString('name', options.name ?? 'fromBatches')
  const bounded = trueOrFalse('bounded', options.bounded ?? true)
  const start = typeof batches === 'function' ? batches : () => batches
  const flow = source<RecordBatch, number>({
    name,
    bounded,
    ...(schema && { schema: () => schema }),
    async *read({ signal }, from = 0) {
      let row = 0
      for await (const batch of flowOf(start(signal)).pull({ signal })) {
        const rest = behind(batch as RecordBatch, from - row)
        if (schema) requireSchema(schema, batch as RecordBatch, name)
        row += (batch as RecordBatch).numRows
        if (rest) yield [rest, row]
      }
    },
  })
  if (typeof batches === 'function') return flow
  return new Flow((context) => flow.pull(context), { ...flow.info, resumable: false })
}

/** The rows of `batch` behind the first `rows`, if any are left; all of it where none are to be passed over. */
function behind(batch: RecordBatch, rows: number): RecordBatch | undefined {
  if (rows <= 0) return batch
  return rows < batch.numRows ? batch.slice(rows) : undefined
}

function requireSchema(schema: Schema, batch: RecordBatch, name: string): void {
  const different: SchemaError | undefined = differentSchemas(schema, batch.schema, name)
  if (different) throw different
}
