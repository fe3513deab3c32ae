import fc from 'fast-check'
import { concatMap, filter, map, mergeMap, of, share, take } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { operate } from '../../../src/flow/operate.ts'
import { prefetch } from '../../../src/flow/prefetch.ts'
import { zipFlows } from '../../../src/flow/zip-flows.ts'
import { collect, turn } from '../../helpers/sources.ts'

/** Where delays and errors come from, and what is open. */
interface World {
  open: number
  /** Takes no time, microtasks, or a turn of the event loop. */
  readonly delay: () => Promise<void> | undefined
}

/** A graph: which flow it makes of another, with the same values in some order. */
interface Node {
  readonly name: string
  readonly build: (flow: Flow<number>, world: World) => Flow<number>
}

function working(world: World, spec: { concurrency: number; ordered: boolean }) {
  return operate<number, number>({
    name: 'work',
    ...spec,
    start() {
      world.open++
      return {
        async *next(value) {
          await world.delay()
          yield value
        },
        close() {
          world.open--
        },
      }
    },
  })
}

const nodes: readonly Node[] = [
  { name: 'map', build: (f) => flowOf(f.pipe(map((i) => i))) },
  { name: 'filter', build: (f) => flowOf(f.pipe(filter(() => true))) },
  { name: 'share', build: (f) => flowOf(f.pipe(share())) },
  { name: 'concatMap of', build: (f) => flowOf(f.pipe(concatMap((i) => of(i)))) },
  { name: 'concatMap', build: (f, w) => flowOf(f.pipe(concatMap((i) => source([i], w)))) },
  { name: 'mergeMap', build: (f, w) => flowOf(f.pipe(mergeMap((i) => source([i], w), 2))) },
  {
    name: 'operate',
    build: (f, w) => flowOf(f.pipe(working(w, { concurrency: 1, ordered: true }))),
  },
  {
    name: 'ordered',
    build: (f, w) => flowOf(f.pipe(working(w, { concurrency: 3, ordered: true }))),
  },
  {
    name: 'unordered',
    build: (f, w) => flowOf(f.pipe(working(w, { concurrency: 3, ordered: false }))),
  },
  { name: 'prefetch', build: (f) => flowOf(f.pipe(prefetch(2))) },
  { name: 'split', build: (f) => split(f, (i) => i % 2 === 0) },
  {
    name: 'zip',
    build(f, w) {
      const [a, b] = fanOut(2, options)(f)
      const late = flowOf(b.pipe(working(w, { concurrency: 2, ordered: true })))
      return flowOf(zipFlows(a, late).pipe(map(([x, y]) => (x === y ? x : NaN))))
    },
  },
]

const options = { memoryBytes: 8192, patienceMs: 1 }

/** Each half of the values goes its own way. */
function split(flow: Flow<number>, first: (value: number) => boolean): Flow<number> {
  const [a, b] = fanOut(2, options)(flow)
  return mergeFlows(flowOf(a.pipe(filter(first))), flowOf(b.pipe(filter((i) => !first(i)))))
}

function source(values: readonly number[], world: World, failAt = Infinity): Flow<number> {
  return new Flow(async function* () {
    world.open++
    try {
      for (const [i, value] of values.entries()) {
        await world.delay()
        if (i === failAt) throw new Error('source')
        yield value
      }
    } finally {
      world.open--
    }
  })
}

/** Delays that follow from `seed`. */
function worldOf(seed: number): World {
  let state = seed
  return {
    open: 0,
    delay() {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const dice = state >>> 24
      if (dice < 16) return turn()
      return dice < 128 ? Promise.resolve() : undefined
    },
  }
}

const graph = fc.record({
  rows: fc.nat(20),
  chain: fc.array(fc.constantFrom(...nodes), { maxLength: 8 }),
  end: fc.oneof(
    { weight: 3, arbitrary: fc.constant({ kind: 'whole' as const, at: Infinity }) },
    fc.record({ kind: fc.constant('error' as const), at: fc.nat(19) }),
    fc.record({ kind: fc.constant('early' as const), at: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('take' as const), at: fc.integer({ min: 1, max: 20 }) }),
  ),
  seed: fc.nat(),
})

async function read(flow: Flow<number>, end: { kind: string; at: number }): Promise<number[]> {
  if (end.kind === 'take') return collect(flowOf(flow.pipe(take(end.at))))
  const values: number[] = []
  for await (const value of flow) if (values.push(value) === end.at && end.kind === 'early') break
  return values
}

/** Lets what has been ended close. */
async function settled(world: World): Promise<number> {
  for (let i = 0; i < 50 && world.open > 0; i++) await turn()
  return world.open
}

describe('random graphs', () => {
  it('never hang, never leak, and deliver each row exactly once', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(graph, async ({ rows, chain, end, seed }) => {
        const world = worldOf(seed)
        const values = Array.from({ length: rows }, (_, i) => i)
        const failAt = end.kind === 'error' ? end.at : Infinity
        const flow = chain.reduce(
          (made, node) => node.build(made, world),
          source(values, world, failAt),
        )
        const fails = failAt < rows
        const result = await read(flow, end).catch((error: unknown) => error)
        if (fails) expect(result).toMatchObject({ message: 'source' })
        else {
          const got = result as number[]
          expect(new Set(got).size).toBe(got.length)
          const most = end.kind === 'early' || end.kind === 'take' ? end.at : Infinity
          expect(got).toHaveLength(Math.min(rows, most))
          expect(got.every((value) => values.includes(value))).toBe(true)
        }
        expect(await settled(world)).toBe(0)
      }),
      { numRuns: 1_000, seed: 20_260_101, timeout: 5_000 },
    )
  })
})
