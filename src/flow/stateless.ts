import { defer, type OperatorFunction, Subject } from 'rxjs'
import type { Context } from './context.ts'
import { Control } from './control.ts'
import { OptionError } from '../errors.ts'
import { Flow, flowOf } from './flow.ts'

/**
 * Says of an RxJS operator, or a chain of them, that it answers each value at once and keeps nothing
 * of it, so that a run with it can be checkpointed. Without this, `check` refuses a foreign operator
 * under `--checkpoint`, since rows inside it cannot be seen.
 *
 * - Control messages keep their place: they pass when the values before them are answered.
 * - Memory: the answers to one value.
 * - Refused where it shows: an operator that answers later (`delay`, `concatMap` to a flow or a promise) or at the
 *   end (`bufferCount`, `toArray`), reads again (`repeat`), or ends early (`take`; use `limit`). It does not show
 *   of one that only remembers (`distinct`, `scan`, `skip`): a resumed run would start it anew.
 * - Schema: unknown until `declare(schema)`.
 *
 * @throws {OptionError} on the stream, if the operator turns out to keep something
 * @example
 * flow.pipe(stateless(filter((batch) => batch.numRows > 0)))
 */
export function stateless<T, R>(operator: OperatorFunction<T, R>): OperatorFunction<T, R> {
  return (source) => {
    const input = flowOf(source)
    return new Flow((context) => answered(operator, input, context), {
      name: 'stateless',
      role: 'operator',
      inputs: [input],
    })
  }
}

async function* answered<T, R>(
  operator: OperatorFunction<T, R>,
  input: Flow<T>,
  context: Context,
): AsyncGenerator<R | Control> {
  const values = new Subject<T>()
  const answers: R[] = []
  const state: { failure?: { readonly cause: unknown }; ended: boolean } = { ended: false }
  /** What the operator has answered; throws its error. */
  function taken(): R[] {
    if (state.failure) throw state.failure.cause
    return answers.splice(0)
  }
  let started = false
  const once = defer(() => {
    if (started) throw refused('reads its input again')
    return values
  })
  const subscription = operator(once).subscribe({
    next: (answer) => answers.push(answer),
    error: (cause: unknown) => {
      state.failure = { cause }
    },
    complete: () => {
      state.ended = true
    },
  })
  try {
    if (taken().length > 0) throw refused('answered before the first value')
    started = true
    for await (const value of input.pull(context)) {
      if (taken().length > 0) throw refused('answered later than its value')
      if (value instanceof Control) {
        yield value
        continue
      }
      values.next(value)
      yield* taken()
      if (state.ended) throw refused('ended before its input')
    }
    if (context.signal.aborted) return
    values.complete()
    if (taken().length > 0 || !state.ended) throw refused('answered after the last value')
  } finally {
    subscription.unsubscribe()
  }
}

function refused(what: string): OptionError {
  return new OptionError(
    `Expected an operator in stateless(…) that answers each value at once and keeps nothing, got one that ${what}`,
  )
}
