import { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { Barrier } from '../src/flow/control.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { positiveInteger } from '../src/options.ts'

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
        const key = context.run?.key(flow, 'limit') ?? ''
        let left = rows - ((context.run?.restored(key) as number | undefined) ?? 0)
        if (left <= 0) return
        for await (const value of input.pull(context)) {
          if (value instanceof RecordBatch) {
            yield value.numRows <= left ? value : value.slice(0, left)
            left -= value.numRows
            if (left <= 0) return
          } else {
            if (value instanceof Barrier) value.states.set(key, rows - left)
            yield value
          }
        }
      },
      {
        name: 'limit',
        role: 'operator',
        inputs: [input],
        bounded: true,
        schema: ([schema]) => schema as NonNullable<typeof schema>,
        settings: { rows },
      },
    )
    return flow
  }
}
