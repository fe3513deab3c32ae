import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { withoutHeavy } from '../batch/batch.ts'
import type { Context } from './context.ts'
import { Barrier, Control } from './control.ts'
import { Flow, type FlowInfo, flowOf, type Guarantee } from './flow.ts'
import { schemaWithoutHeavy } from '../batch/schema.ts'
import type { Slot } from './slot.ts'
import { release, slotOf } from './slot-of.ts'
import { failPoint } from '../run/fail-point.ts'

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

/** How a writer ended: everything is durable, nothing of the rest is visible yet. */
export interface Finished<S> {
  /** The receipt. */
  readonly summary: WriteSummary
  /** What `publish` needs. */
  readonly state?: S
}

/** What one run of a sink writes with. The calls come one at a time, in the order of the stream. */
export interface Writer<S = unknown> {
  /** Writes the rows of one batch. */
  readonly write: (batch: RecordBatch) => void | Promise<void>
  /** At a barrier: makes durable what was written, not yet visible; returns what it takes to go on and to publish it, anything `structuredClone` takes. */
  readonly stage?: () => S | Promise<S>
  /** At completion: makes everything durable, not yet visible. */
  readonly finish: () => Finished<S> | Promise<Finished<S>>
  /** On an error or an early end, before or after `finish`: closes, and removes what is not published, unless a checkpoint may need it (`keep`). */
  readonly abort: (keep: boolean) => void | Promise<void>
}

/** A sink: what it is called, what it promises, and how it is opened. */
export interface SinkSpec<S> {
  /** Name in plans, counters and receipts. */
  readonly name: string
  /** What it promises when a run is resumed. */
  readonly guarantee: Guarantee
  /** Called once per run, before the first row is asked for; goes on where `from` was staged, which is published. */
  readonly open: (context: Context, from: S | undefined) => Writer<S> | Promise<Writer<S>>
  /**
   * Makes visible what a state answers for: of a writer that has finished, all; before that what can
   * stand by itself. Called when the checkpoint is in place, and again after a restart. Idempotent.
   */
  readonly publish?: (state: S, context: Context) => void | Promise<void>
  /**
   * Heavy columns (encoded pictures, pixels) that are written; the rest of the heavy columns is left out.
   *
   * @default none
   */
  readonly columns?: readonly string[]
  /** See {@link FlowInfo}. */
  readonly target?: string
  /** See {@link FlowInfo}. */
  readonly adds?: boolean
  /** The schema that is written, from the input without the heavy columns left out; throws {@link SchemaError} when the input lacks something. */
  readonly schema?: (input: Schema) => Schema | Promise<Schema>
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: FlowInfo['memoryBytes']
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Makes an operator that writes every batch and answers with one receipt, at completion.
 *
 * - Barriers: staged, then passed on; published when the checkpoint is in place. Rejects pass on.
 * - Completion: in a run the rest is published at the run's end, with all its other sinks; of a flow
 *   that is read by itself before the receipt comes.
 * - Resume: what the checkpoint had staged is published again before the first row is asked for.
 * - An error or an early end aborts the writer, and no receipt comes.
 */
export function sink<S = unknown>(spec: SinkSpec<S>): OperatorFunction<RecordBatch, WriteSummary> {
  const { name, guarantee, target, adds, memoryBytes, settings } = spec
  const columns = new Set(spec.columns)

  return (input) => {
    const rows = flowOf(input)
    const flow: Flow<WriteSummary> = new Flow(
      (context) => write(spec, rows, slotOf(flow, name, context), { ...context, columns }),
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
        ...(target !== undefined && { target }),
        ...(adds !== undefined && { adds }),
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(settings && { settings }),
      },
    )
    return flow
  }
}

async function* write<S>(
  spec: SinkSpec<S>,
  input: Flow<RecordBatch>,
  slot: Slot,
  context: Context,
): AsyncGenerator<WriteSummary | Control> {
  if (slot.over) {
    release([input], context)
    const { summary, state } = slot.state as Finished<S>
    await leave(spec, state, context)
    yield summary
    return
  }
  const { run, signal, columns } = context
  const from = slot.state as S | undefined
  slot.doing = 'opens'
  if (from !== undefined) await spec.publish?.(from, context)
  const writer = await spec.open(context, from)
  slot.doing = 'waits'
  let left = false
  try {
    for await (const value of input.pull(context)) {
      if (value instanceof Barrier) {
        failPoint('sink: before stage')
        slot.doing = 'stages'
        const state = await writer.stage?.()
        failPoint('sink: after stage')
        slot.save(value, state)
        slot.doing = 'waits'
        if (state !== undefined) value.onCommit(() => spec.publish?.(state, context))
        yield value
      } else if (value instanceof Control) yield value
      else {
        failPoint('sink: before write')
        slot.doing = 'writes'
        await writer.write(withoutHeavy(value, columns))
        slot.doing = 'waits'
        slot.moves++
        failPoint('sink: after write')
        slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
      }
    }
    // An aborted input ends like a complete one.
    if (signal.aborted) return
    failPoint('sink: before finish')
    slot.doing = 'finishes'
    const { summary, state } = await writer.finish()
    slot.end({ summary, state })
    await leave(spec, state, context, writer)
    left = true
    yield summary
  } finally {
    slot.doing = 'idle'
    if (!left) await writer.abort(run?.durable ?? false)
  }
}

/** Publishes what a writer has finished, or leaves that to the run. */
async function leave<S>(
  { publish }: SinkSpec<S>,
  state: S | undefined,
  context: Context,
  writer?: Writer<S>,
): Promise<void> {
  const { run } = context
  async function now(): Promise<void> {
    if (state !== undefined) await publish?.(state, context)
  }
  if (run) run.onPublish({ publish: now, abort: (keep) => writer?.abort(keep) })
  else await now()
}
