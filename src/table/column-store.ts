import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import type { Context } from '../flow/context.ts'
import { type Barrier, type Control, untilTold } from '../flow/control.ts'
import { type Flow, type FlowInfo, flowOf } from '../flow/flow.ts'
import { addedMemory, memoryOf, memoryRange, splitMemory } from '../flow/memory.ts'
import { wanting } from '../flow/operate.ts'
import type { Slot } from '../flow/slot.ts'
import { release, slotOf } from '../flow/slot-of.ts'
import { failPoint } from '../run/fail-point.ts'
import type { Run } from '../run/run-state.ts'
import { drained } from './drained.ts'
import { inStage } from './stage-error.ts'
import { StoredTable, type StoredTableState } from './stored-table.ts'
import { noting, TableFlow } from './table-flow.ts'
import { TableFolder } from './table-folder.ts'

export { StoredTable } from './stored-table.ts'
export { TableFlow } from './table-flow.ts'

/** A blocking operator: what it is called, what it reads and what it adds. */
export interface OperateTableSpec {
  /** Name in plans and counters. */
  readonly name: string
  /** Heavy columns that it reads. */
  readonly reads?: readonly string[]
  /** The schema that comes out; throws {@link SchemaError} when the input lacks something. */
  readonly schema: (input: Schema) => Schema | Promise<Schema>
  /** Reads what it needs, as often as it likes, and returns the columns that it adds: as many rows as the table has, in their order. Not called without rows. `memoryBytes` is what it may hold of those that it states. */
  readonly run: (
    table: StoredTable,
    context: Context,
    memoryBytes: number,
  ) => AsyncIterable<RecordBatch> | Iterable<RecordBatch>
  /** What it holds beside the table; see {@link FlowInfo}. */
  readonly memoryBytes?: FlowInfo['memoryBytes']
  /** See {@link FlowInfo}. */
  readonly holds?: string
  /** See {@link FlowInfo}. */
  readonly saves?: FlowInfo['saves']
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** The window of a table: a quarter of it is for a block of each column, which is there once being written and once per reader. */
const wholeTable = { least: 2 ** 22, most: 2 ** 28 }
/** The same where the columns of the input are in the table already. */
const ownColumns = { least: 2 ** 21, most: 2 ** 26 }

/**
 * Builds a blocking operator, one that has to see all rows before it answers the first.
 *
 * - Rows: n to n, in input order. Rejects of the input come out in front of them.
 * - Disk: the rows are drained once into a file per column; consecutive blocking operators share
 *   them, each writing its own columns alone. Heavy columns are stored only if a later operator declares them.
 * - Barriers: pass while the rows are drained, with what is stored as the operator's state; then one that is
 *   due goes down when its columns are there, and between the batches that are read out.
 * - Memory: a block of each column that is written and of each that is read.
 */
export function operateTable(spec: OperateTableSpec): OperatorFunction<RecordBatch, RecordBatch> {
  const { name, reads = [], schema, settings, holds, saves } = spec
  return (source) => {
    const input = flowOf(source)
    const ranges = [
      input instanceof TableFlow ? ownColumns : wholeTable,
      memoryRange(spec.memoryBytes),
    ] as const
    const flow: TableFlow = new TableFlow(
      (context) => {
        const [table = 0, own = 0] = splitMemory(memoryOf(flow, context), ranges)
        const making = { input, blocksBytes: table / 4, ownBytes: own }
        return makeTable(spec, making, slotOf(flow, name, context), context)
      },
      {
        name,
        role: 'operator',
        inputs: [input],
        reads,
        learns: true,
        saves,
        schema: ([first]) => schema(first as Schema),
        settings: {
          ...settings,
          spill: input instanceof TableFlow ? 'own columns' : 'all columns',
        },
        memoryBytes: addedMemory(...ranges),
        ...(holds !== undefined && { holds }),
      },
    )
    return flow
  }
}

/** What a table is made of, and within what. */
interface Making {
  readonly input: Flow<RecordBatch>
  /** Bytes for a block of each column. */
  readonly blocksBytes: number
  /** Bytes for the operator itself. */
  readonly ownBytes: number
}

async function* makeTable(
  { name, reads = [], schema, run }: OperateTableSpec,
  { input, blocksBytes, ownBytes }: Making,
  slot: Slot,
  context: Context,
): AsyncGenerator<Control, StoredTable> {
  const { signal } = context
  if (slot.over) {
    release([input], context)
    const state = slot.state as StoredTableState
    return inStage(name, async () => {
      const folder = await TableFolder.reopen(context.run as Run, state.folder)
      return StoredTable.reopen(state, { folder, signal })
    })
  }
  let passed: Barrier | undefined
  const upstream = wanting(context, reads)
  const making =
    input instanceof TableFlow
      ? input.table(upstream)
      : drained(input, { stage: name, slot, context: upstream, blocksBytes })
  let table = yield* noting(making, (barrier) => {
    passed = barrier
    // What drains rows has saved how far it is.
    if (input instanceof TableFlow) slot.save(barrier)
  })
  let made = false
  try {
    const after = await schema(table.schema)
    slot.counts.rowsIn = slot.counts.rowsKept = table.numRows
    failPoint('table: before a pass')
    slot.doing = 'works'
    if (table.numRows === 0) table = table.withSchema(after)
    else
      table = await inStage(name, () =>
        table.append(run(table.readBy(slot), context, ownBytes), {
          stage: slot.key,
          blocksBytes,
          slot,
        }),
      )
    failPoint('table: after a pass')
    slot.doing = 'idle'
    slot.end(context.run?.durable ? table.save() : undefined)
    const barrier = context.run?.barrier
    if (barrier && barrier !== passed) {
      yield barrier
      await untilTold(barrier, signal)
    }
    made = true
    return table
  } finally {
    slot.doing = 'idle'
    if (!made) await table.close()
  }
}
