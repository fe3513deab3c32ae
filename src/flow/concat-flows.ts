import { RecordBatch } from 'apache-arrow'
import { inLane } from './context.ts'
import { Barrier } from './control.ts'
import { OptionError } from '../errors.ts'
import { Flow } from './flow.ts'
import { differentSchemas } from '../batch/schema.ts'
import { release, slotOf } from './slot-of.ts'

/**
 * Reads flows one after another.
 *
 * - Order: all of the first, then all of the second, and so on. Nothing of a flow is opened before its turn.
 * - Memory: none of its own.
 * - Barriers: which flow's turn it is is the state; those before it are not read again.
 *
 * @throws {OptionError} at the call, if there is no flow
 * @throws {SchemaError} from `schema()`, if their schemas differ
 * @example
 * concatFlows([fromFiles('train'), fromFiles('test')])
 */
export function concatFlows<T>(flows: readonly Flow<T>[]): Flow<T> {
  const [only] = flows
  if (!only) throw new OptionError('Expected at least one flow, got an empty list')
  if (flows.length === 1) return only
  const flow: Flow<T> = new Flow(
    async function* (context) {
      const slot = slotOf(flow, 'concatFlows', context)
      const from = slot.over ? flows.length : ((slot.state as number | undefined) ?? 0)
      release(flows.slice(0, from), context)
      let turn = from
      try {
        for (let passed: Barrier | undefined; turn < flows.length; turn++) {
          const inner = inLane(context, String(turn))
          for await (const value of flows[turn]?.pull(inner) ?? []) {
            if (value instanceof Barrier) {
              // The source of the next turn sends it, too, as long as it is due.
              if (value === passed) continue
              passed = value
              slot.save(value, turn)
            }
            if (value instanceof RecordBatch)
              slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
            yield value
          }
        }
        if (!context.signal.aborted) slot.end()
      } finally {
        // After an early end their turn does not come.
        release(flows.slice(turn + 1), context)
      }
    },
    {
      name: 'concatFlows',
      role: 'operator',
      inputs: flows,
      schema: (schemas) => {
        const [first, ...others] = schemas
        for (const other of others)
          if (first) {
            const difference = differentSchemas(first, other, 'concatFlows')
            if (difference) throw difference
          }
        return first as NonNullable<typeof first>
      },
    },
  )
  return flow
}
