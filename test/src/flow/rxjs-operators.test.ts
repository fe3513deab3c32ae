import * as rxjs from 'rxjs'
import {
  asapScheduler,
  concat,
  filter,
  lastValueFrom,
  NEVER,
  type Observable,
  of,
  scheduled,
  takeUntil,
  timer,
  toArray,
} from 'rxjs'
import * as exported from 'rxjs/operators'
import { describe, expect, it } from 'vitest'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { lines, others } from '../../helpers/rxjs-operators.ts'
import { counter, idle, pause, turn } from '../../helpers/sources.ts'

const numbers = Array.from({ length: 12 }, (_, i) => i)

const all = (source: Observable<unknown>): Promise<unknown[]> =>
  lastValueFrom(source.pipe(toArray()))

/** What comes within a time that is long for the timers in the table, without empty lists. */
const soon = (source: Observable<unknown>): Promise<unknown[]> =>
  all(
    source.pipe(
      takeUntil(timer(60)),
      filter((v) => !Array.isArray(v) || v.length > 0),
    ),
  )

/** A flow that takes its time over each of two values. */
const slowFlow = (value: unknown): Flow<unknown> =>
  new Flow(async function* () {
    await turn()
    yield value
    await turn()
    yield value
  })

/**
 * How many values a source makes, at most, while its reader holds one of the first three values. Each is
 * held for `pauses` of 3 ms, or until it shows that the source goes on.
 */
async function madeWhileHeld(
  n: number,
  pauses: number,
  make: (source: Flow<number>) => Observable<unknown>,
): Promise<number> {
  const { flow, made } = counter(n)
  let most = 0
  let held = 0
  for await (const value of flowOf(make(flow))) {
    const before = made()
    for (let i = 0; i < pauses && made() - before <= 2; i++) await pause(3)
    most = Math.max(most, made() - before)
    if (value !== undefined && ++held === 3) break
  }
  return most
}

describe('the table of RxJS operators', () => {
  it('has every operator that RxJS exports', () => {
    const functions = Object.entries(rxjs)
      .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
      .map(([name]) => name)
    const operators = [...Object.keys(exported), ...functions].filter((f) => !others.includes(f))
    expect([...new Set(lines.map((line) => line.name))].sort()).toEqual(
      [...new Set(operators)].sort(),
    )
  })

  it.each(lines)('$name: the source is $source', async ({ make, source, answers }) => {
    const n = answers === 'end' ? 300 : Infinity
    // A busy machine may give the source no turn in 3 ms; one that reads ahead does so in the end.
    const pauses = source === 'bounded' ? 1 : 200
    const most = await madeWhileHeld(n, pauses, (flow) => flow.pipe(make(slowFlow)))
    expect(most <= 2 ? 'bounded' : 'reads ahead').toBe(source)
  })

  it.each(lines.filter((line) => line.answers !== 'time'))(
    '$name gives what it gives on a plain Observable',
    async ({ make, inAnyOrder }) => {
      const inner = (i: unknown): Observable<unknown> => of(i, [i])
      const { flow, open } = counter(12)
      const plain = scheduled(numbers, asapScheduler)
      const answers = [await all(flow.pipe(make(inner))), await all(plain.pipe(make(inner)))]
      if (inAnyOrder) for (const values of answers) values.sort()
      expect(answers[0]).toEqual(answers[1])
      await turn()
      expect(open()).toBe(0)
    },
  )

  it.concurrent.each(lines.filter((line) => line.answers === 'time'))(
    '$name gives what it gives on a plain Observable that is idle',
    async ({ make }) => {
      const plain = concat(of(1), NEVER)
      const inner = (): Observable<unknown> => of(0)
      const [expected, values] = await Promise.all([
        soon(plain.pipe(make(inner))),
        soon(idle().pipe(make(inner))),
      ])
      expect(values).toEqual(expected)
      expect(expected.length).toBeGreaterThan(0)
    },
  )
})
