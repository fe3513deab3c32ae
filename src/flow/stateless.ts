import type { OperatorFunction } from 'rxjs'
import { Flow, flowOf } from './flow.ts'

/**
 * Says of an RxJS operator, or a chain of them, that it answers each value at once and keeps nothing
 * of it, so that control messages may pass around it and a run with it can be checkpointed. Without
 * this, `check` refuses a foreign operator under `--checkpoint`, since rows inside it cannot be seen.
 *
 * - Schema: unknown until `declare(schema)`.
 *
 * @example
 * flow.pipe(stateless(filter((batch) => batch.numRows > 0)))
 */
export function stateless<T, R>(operator: OperatorFunction<T, R>): OperatorFunction<T, R> {
  return (source) => {
    const input = flowOf(source)
    const output = flowOf(operator(input))
    return new Flow(output.pull, { name: 'stateless', role: 'operator', inputs: [input] }, (out) =>
      output.subscribe(out),
    )
  }
}
