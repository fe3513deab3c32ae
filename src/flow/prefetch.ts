import type { MonoTypeOperatorFunction } from 'rxjs'
import { ChildSignal } from './child-signal.ts'
import type { Context } from './context.ts'
import type { Control } from './control.ts'
import { Deferred } from './deferred.ts'
import { Flow, flowOf } from './flow.ts'
import { positiveInteger } from '../options.ts'
import { reading } from './reading.ts'

/**
 * Reads up to `ahead` values before they are asked for, so that what is above and what is below work
 * at the same time.
 *
 * - Rows, order and control messages: unchanged.
 * - Memory: `ahead` values and messages.
 *
 * @throws {OptionError} at the call, if `ahead` is not a positive integer
 * @example
 * fromFiles('photos').pipe(prefetch(2), decode(), toParquet('photos.parquet'))
 */
export function prefetch<T>(ahead: number): MonoTypeOperatorFunction<T> {
  const limit = positiveInteger('ahead', ahead)

  return (source) => {
    const input = flowOf(source)
    return new Flow<T>((context) => readAhead(input, context, limit), {
      name: 'prefetch',
      role: 'operator',
      inputs: [input],
      schema: ([schema]) => schema as NonNullable<typeof schema>,
      settings: { ahead },
    })
  }
}

async function* readAhead<T>(
  input: Flow<T>,
  context: Context,
  limit: number,
): AsyncGenerator<T | Control> {
  const child = new ChildSignal(context.signal)
  const { signal } = child
  const held: (T | Control)[] = []
  const state = { ended: false, arrived: new Deferred(), room: new Deferred() }

  async function fill(): Promise<void> {
    try {
      for await (const value of reading(input, { ...context, signal })) {
        held.push(value)
        state.arrived.resolve()
        if (held.length < limit) continue
        state.room = new Deferred()
        await state.room.promise
      }
    } finally {
      state.ended = true
      state.arrived.resolve()
    }
  }

  const filling = fill()
  // An error is told below, after what was read before it.
  filling.catch(() => undefined)
  try {
    for (;;) {
      if (held.length > 0) {
        const [value] = held.splice(0, 1) as [T | Control]
        state.room.resolve()
        yield value
      } else if (state.ended) break
      else {
        state.arrived = new Deferred()
        await state.arrived.promise
      }
    }
    await filling
  } finally {
    child.abort()
    state.room.resolve()
  }
}
