/**
 * What a flow costs: 200,000 values through bare async generators, plain RxJS and flows, with 0 to 4
 * operators, in turns, so that all see the same machine. Prints medians, and what one value
 * costs more in each operator.
 *
 *   npx jiti bench/flow-overhead.ts
 */
import { lastValueFrom, map, Observable } from 'rxjs'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { operate } from '../src/flow/operate.ts'

const n = 200_000
const rounds = 5

async function* generated(): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield await Promise.resolve(i)
}

async function* mapped(values: AsyncIterable<number>): AsyncGenerator<number> {
  for await (const value of values) yield value + 1
}

const pushed = new Observable<number>((out) => {
  for (let i = 0; i < n; i++) out.next(i)
  out.complete()
})

const flow = new Flow(generated)

const plusOne = map((i: number) => i + 1)

const step = operate<number, number>(() => ({
  *next(value) {
    yield value + 1
  },
}))

function repeat<T>(times: number, value: T, change: (value: T) => T): T {
  return times === 0 ? value : repeat(times - 1, change(value), change)
}

async function drain(values: AsyncIterable<number>): Promise<number> {
  let last = -1
  for await (const value of values) last = value
  return last
}

/** Each returns the last value, which is checked. */
const kinds: Readonly<Record<string, (operators: number) => Promise<number>>> = {
  'generators, for await': (k) => drain(repeat(k, generated(), mapped)),
  'plain RxJS, sync source': (k) =>
    lastValueFrom(repeat<Observable<number>>(k, pushed, (o) => o.pipe(plusOne))),
  'flow, RxJS operators, subscribed': (k) =>
    lastValueFrom(repeat<Observable<number>>(k, flow, (o) => o.pipe(plusOne))),
  'flow, RxJS operators, for await': (k) =>
    drain(flowOf(repeat<Observable<number>>(k, flow, (o) => o.pipe(plusOne)))),
  'flow, operate, for await': (k) =>
    drain(flowOf(repeat<Observable<number>>(k, flow, (o) => o.pipe(step)))),
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN
}

const times = new Map<string, number[]>()
for (let round = 0; round < rounds; round++)
  for (const [name, run] of Object.entries(kinds))
    for (const operators of [0, 1, 4]) {
      const start = performance.now()
      const last = await run(operators)
      const ms = performance.now() - start
      if (last !== n - 1 + operators)
        throw new Error(`Expected ${String(n - 1)}, got ${String(last)}`)
      const key = `${name}|${String(operators)}`
      times.set(key, [...(times.get(key) ?? []), ms])
    }

console.log(`${String(n)} values, median of ${String(rounds)} rounds`)
console.log(
  '                                      0 ops    1 op   4 ops   per value   per value and op',
)
for (const name of Object.keys(kinds)) {
  const [none = NaN, one = NaN, four = NaN] = [0, 1, 4].map((k) =>
    median(times.get(`${name}|${String(k)}`) ?? []),
  )
  const cells = [none, one, four].map((ms) => `${ms.toFixed(0)} ms`.padStart(7)).join(' ')
  const perValue = `${((none / n) * 1000).toFixed(2)} µs`.padStart(10)
  const perOperator = `${(((four - none) / 4 / n) * 1000).toFixed(2)} µs`.padStart(10)
  console.log(`${name.padEnd(36)}${cells}  ${perValue}  ${perOperator}`)
}
