import type { RecordBatch } from 'apache-arrow'
import { schemaWithoutHeavy } from '../batch/schema.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, type Control, untilTold } from '../flow/control.ts'
import type { Slot } from '../flow/slot.ts'
import { release, slotOf } from '../flow/slot-of.ts'
import { Flow, type FlowInfo } from '../flow/flow.ts'
import { closeKernel } from '../kernels/kernel.ts'
import { type MakeTable, SharedTables } from './shared-table.ts'

/**
 * A flow whose rows lie in a table on disk before the first comes out. A blocking operator
 * behind it takes the table over and adds its columns; another reader gets wide batches. In a run the
 * table is made once, for all who read it.
 */
export class TableFlow extends Flow<RecordBatch> {
  /** Makes the table without reading it out. */
  readonly table: MakeTable

  constructor(make: MakeTable, info: FlowInfo) {
    super((context) => readOut(this, context), {
      ...info,
      shared: make,
      release: (context) => {
        tables.release(context)
      },
    })
    const tables = new SharedTables(this, make)
    this.table = tables.table
  }
}

/** Stands for the readers of a table flow, whose slots are not that of the flow itself. */
const readers = new WeakMap<TableFlow, object>()

/**
 * Reads the rows of a table flow, when its table is there. Like a source it sends the barriers that are
 * due, with the number of rows read as its state, and a resumed run goes on behind them.
 */
async function* readOut(flow: TableFlow, context: Context): AsyncGenerator<RecordBatch | Control> {
  const { run, signal, columns } = context
  const slot = readerSlot(flow, context)
  if (slot.over) {
    release([flow], context)
    return
  }
  let passed: Barrier | undefined
  let row = (slot.state as number | undefined) ?? 0

  async function* due(): AsyncGenerator<Barrier> {
    for (let barrier; (barrier = run?.barrier) && barrier !== passed;) {
      passed = barrier
      slot.save(barrier, row)
      yield barrier
      await untilTold(barrier, signal)
    }
  }

  const table = yield* noting(flow.table(context), (barrier) => {
    passed = barrier
    slot.save(barrier, row)
  })
  try {
    // What it took for learning, some 50 MB, is in the way while wide rows are read. Whoever needs it starts it again.
    await closeKernel()
    slot.doing = 'reads'
    const schema = columns ? schemaWithoutHeavy(table.schema, columns) : table.schema
    for await (const batch of table.read(schema.names.map(String), row)) {
      slot.doing = 'given'
      slot.moves++
      yield* due()
      // Behind the last barrier of a run, as in a source.
      if (signal.aborted) return
      yield batch
      slot.doing = 'reads'
      row += batch.numRows
    }
    yield* due()
    if (!signal.aborted) slot.end()
  } finally {
    slot.doing = 'idle'
    await table.close()
  }
}

/** Passes on what `making` yields, and calls `see` for each barrier. */
export async function* noting<T>(
  making: AsyncGenerator<Control, T>,
  see: (barrier: Barrier) => void,
): AsyncGenerator<Control, T> {
  try {
    for (;;) {
      const { done, value } = await making.next()
      if (done) return value
      if (value instanceof Barrier) see(value)
      yield value
    }
  } finally {
    await making.return(undefined as never)
  }
}

function readerSlot(flow: TableFlow, context: Context): Slot {
  const reader = readers.get(flow) ?? {}
  readers.set(flow, reader)
  const { name } = flow.info
  const part = context.run?.key(flow, name) ?? name
  return slotOf(reader, `${part} rows`, context)
}
