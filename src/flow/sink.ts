import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { withoutHeavy } from '../batch/batch.ts'
import type { Context } from './context.ts'
import { Barrier, Control } from './control.ts'
import { Flow, flowOf, type Guarantee } from './flow.ts'
import { schemaWithoutHeavy } from '../batch/schema.ts'

/** The receipt of a sink. */
export interface WriteSummary {
  /** Name of the sink. */
  readonly sink: string
  /** Path or address of what was written. */
  readonly location: string
  /** Rows written. */
  readonly rows: number
  /** Bytes written. */
  readonly bytes: number
  /** How many files or objects they are in. */
  readonly files: number
}

/** What one run of a sink writes with. The calls come one at a time, in the order of the stream. */
export interface Writer<S = unknown> {
  /** Writes the rows of one batch. */
  readonly write: (batch: RecordBatch) => void | Promise<void>
  /** At a barrier: makes durable what was written, not yet visible; returns what `commit` needs, anything `structuredClone` takes. */
  readonly stage?: () => S | Promise<S>
  /** Makes visible what `stage` answered for; called after the manifest is in place, and again after a restart. Idempotent. */
  readonly commit?: (state: S) => void | Promise<void>
  /** At completion: makes everything durable and visible. */
  readonly finish: () => WriteSummary | Promise<WriteSummary>
  /** Instead of `finish`, on an error or an early end: removes what is not committed. */
  readonly abort: () => void | Promise<void>
}

/** A sink: what it is called, what it promises, and how it is opened. */
export interface SinkSpec<S> {
  /** Name in plans, counters and receipts. */
  readonly name: string
  /** What it promises when a run is resumed. */
  readonly guarantee: Guarantee
  /** Called once per run, before the first row is asked for. */
  readonly open: (context: Context) => Writer<S> | Promise<Writer<S>>
  /**
   * Heavy columns (encoded pictures, pixels) that are written; the rest of the heavy columns is left out.
   *
   * @default none
   */
  readonly columns?: readonly string[]
  /** The schema that is written, from the input without the heavy columns left out; throws {@link SchemaError} when the input lacks something. */
  readonly schema?: (input: Schema) => Schema | Promise<Schema>
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: number
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Makes an operator that writes every batch and answers with one receipt, at completion.
 *
 * - Barriers: staged, then passed on; committed when the run has its manifest. Rejects pass on.
 * - Resume: what the checkpoint had staged is committed again before the first row is asked for.
 * - An error or an early end aborts the writer, and no receipt comes.
 */
export function sink<S = unknown>(spec: SinkSpec<S>): OperatorFunction<RecordBatch, WriteSummary> {
  const { name, guarantee, memoryBytes, settings } = spec
  const columns = new Set(spec.columns)

  return (input) => {
    const rows = flowOf(input)
    const flow: Flow<WriteSummary> = new Flow(
      (context) => write(spec, rows, context.run?.key(flow, name) ?? name, { ...context, columns }),
      {
        name,
        role: 'sink',
        inputs: [rows],
        reads: spec.columns ?? [],
        guarantee,
        schema: ([first]) => {
          const carried = schemaWithoutHeavy(first as Schema, columns)
          return spec.schema ? spec.schema(carried) : carried
        },
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(settings && { settings }),
      },
    )
    return flow
  }
}

async function* write<S>(
  { open }: SinkSpec<S>,
  input: Flow<RecordBatch>,
  key: string,
  context: Context,
): AsyncGenerator<WriteSummary | Control> {
  const counts = context.run?.count(key)
  const writer = await open(context)
  let finished = false
  try {
    const restored = context.run?.restored(key)
    if (restored !== undefined) await writer.commit?.(restored as S)
    for await (const value of input.pull(context)) {
      if (value instanceof Barrier) yield await staged(value, key, writer)
      else if (value instanceof Control) yield value
      else {
        await writer.write(withoutHeavy(value, context.columns))
        if (counts) counts.rowsIn = counts.rowsKept += value.numRows
      }
    }
    // An aborted input ends like a complete one.
    if (context.signal.aborted) return
    const summary = await writer.finish()
    finished = true
    yield summary
  } finally {
    if (!finished) await writer.abort()
  }
}

async function staged<S>(barrier: Barrier, key: string, writer: Writer<S>): Promise<Barrier> {
  if (!writer.stage) return barrier
  const state = await writer.stage()
  barrier.states.set(key, state)
  barrier.onCommit(() => writer.commit?.(state))
  return barrier
}
