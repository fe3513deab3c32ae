import { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { Barrier } from '../src/flow/control.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { positiveInteger } from '../src/options.ts'
import { release, slotOf } from '../src/flow/slot-of.ts'

/**
 * Passes the first `rows` rows and then ends the source.
 *
 * - Rows: n to at most `rows`, in order; the last batch may be cut.
 * - Control messages that come before the last row pass.
 * - State: a counter; it is the state at a barrier.
 *
 * @throws {OptionError} at the call, if `rows` is not a positive integer
 * @example
 * fromFiles('photos').pipe(limit(100))
 */
export function limit(rows: number): MonoTypeOperatorFunction<RecordBatch> {
  positiveInteger('rows', rows)

  return (source) => {
    const input = flowOf(source)
    const flow: Flow<RecordBatch> = new Flow(
      async function* (context) {
        const slot = slotOf(flow, 'limit', context)
        let left = slot.over ? 0 : rows - ((slot.state as number | undefined) ?? 0)
        if (left === 0) release([input], context)
        for await (const value of left > 0 ? input.pull(context) : []) {
          if (value instanceof RecordBatch) {
            const kept = Math.min(left, value.numRows)
            slot.counts.rowsIn += value.numRows
            slot.counts.rowsKept += kept
            slot.counts.dropped += value.numRows - kept
            yield kept === value.numRows ? value : value.slice(0, kept)
            left -= kept
            if (left === 0) break
          } else {
            if (value instanceof Barrier) slot.save(value, rows - left)
            yield value
          }
        }
        if (left === 0 || !context.signal.aborted) slot.end()
      },
      {
        name: 'limit',
        role: 'operator',
        inputs: [input],
        bounded: true,
        schema: ([schema]) => schema as NonNullable<typeof schema>,
        memoryBytes: 0,
        settings: { rows },
      },
    )
    return flow
  }
}
