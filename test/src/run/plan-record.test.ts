import type { RecordBatch } from 'apache-arrow'
import type { Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { decode } from '../../../operators/decode.ts'
import { duplicates } from '../../../operators/duplicates.ts'
import { familiarity } from '../../../operators/familiarity.ts'
import { filter } from '../../../operators/filter.ts'
import { gmm } from '../../../operators/gmm.ts'
import { pca } from '../../../operators/pca.ts'
import { reuse } from '../../../operators/reuse.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import type { FamiliarityStrategy } from '../../../src/models/density.ts'
import { planDifference, planRecord } from '../../../src/run/plan-record.ts'

/** A part of a plan that is never read. */
function part(
  name: string,
  settings: Readonly<Record<string, unknown>> = {},
  ...inputs: Flow<unknown>[]
): Flow<unknown> {
  return new Flow(() => flowOfNothing(), { name, role: 'operator', settings, inputs })
}

async function* flowOfNothing(): AsyncGenerator<never> {
  yield* await Promise.resolve([])
}

/** A chain of parts. */
function chain(...parts: readonly (readonly [string, Readonly<Record<string, unknown>>?])[]) {
  let last: Flow<unknown>[] = []
  for (const [name, settings] of parts) last = [part(name, settings, ...last)]
  return planRecord(last)
}

describe('planRecord', () => {
  it('names every part once, and what it reads', () => {
    const one = part('fromFiles')
    const two = part('fromFiles')
    const merged = part('mergeFlows', {}, one, two)
    const ends = [part('toJsonl', {}, merged), part('toParquet', {}, merged)]
    expect(planRecord(ends).map(({ key, name, inputs }) => ({ key, name, inputs }))).toEqual([
      { key: 'fromFiles', name: 'fromFiles', inputs: [] },
      { key: 'fromFiles#2', name: 'fromFiles', inputs: [] },
      { key: 'mergeFlows', name: 'mergeFlows', inputs: ['fromFiles', 'fromFiles#2'] },
      { key: 'toJsonl', name: 'toJsonl', inputs: ['mergeFlows'] },
      { key: 'toParquet', name: 'toParquet', inputs: ['mergeFlows'] },
    ])
  })

  it('has a hash of the source of each function, but of none that is told something', () => {
    const settings = { of: (x: number) => x, by: { rule: (x: number) => x + 1, onGap: () => 1 } }
    const written = JSON.parse(chain(['a', settings])[0]?.settings ?? '') as object
    expect(written).toEqual({
      of: expect.stringMatching(/^function [0-9a-f]{12}$/) as string,
      by: { rule: expect.stringMatching(/^function [0-9a-f]{12}$/) as string },
    })
    expect(chain(['a', { ...settings, of: (x: number) => x }])).toEqual(chain(['a', settings]))
  })

  it('writes settings in one way', () => {
    const settings = {
      b: { d: 1n, c: Number.NaN },
      a: [/x/i, new Map([['k', new Set([1])]]), new URL('s3://bucket/a')],
      when: new Date(0),
      onModel: () => undefined,
      missing: undefined,
      values: new Float32Array([0.5]),
      none: null,
    }
    expect(chain(['pca', settings])[0]?.settings).toBe(
      '{"a":["/x/i",{"k":[1]},"s3://bucket/a"],"b":{"c":"NaN","d":"1"},"none":null,"values":[0.5],"when":"1970-01-01T00:00:00.000Z"}',
    )
  })
})

/** Jobs that differ in one option which decides what comes out. */
const one = flowOf<RecordBatch>([])
const changes: readonly (readonly [string, Observable<unknown>, Observable<unknown>, string])[] = [
  ['save', one.pipe(pca({ save: 'a' })), one.pipe(pca({ save: 'b' })), '+ pca {"save":"b"}'],
  ['no save', one.pipe(gmm({ save: 'a' })), one.pipe(gmm()), '- gmm {"save":"a"}'],
  ['seed', one.pipe(gmm({ seed: 1 })), one.pipe(gmm({ seed: 2 })), '+ gmm {"seed":2}'],
  [
    'online seed',
    one.pipe(gmm({ mode: 'online', seed: 1 })),
    one.pipe(gmm({ mode: 'online', seed: 2 })),
    '- gmm {"seed":1}',
  ],
  [
    'onError',
    one.pipe(decode({ onError: 'reject' })),
    one.pipe(decode({ onError: 'drop' })),
    '+ decode {"onError":"drop"}',
  ],
  [
    'columns of toParquet',
    one.pipe(toParquet('x', { columns: ['a'] })),
    one.pipe(toParquet('x', { columns: ['a', 'b'] })),
    '+ toParquet {"columns":["a","b"]}',
  ],
  [
    'columns of toJsonl',
    one.pipe(toJsonl('x', { columns: ['a'] })),
    one.pipe(toJsonl('x')),
    '- toJsonl {"columns":["a"]}',
  ],
  [
    'a rule that is a function',
    one.pipe(duplicates({ rule: () => 0.1 })),
    one.pipe(duplicates({ rule: () => 0.2 })),
    expect.stringMatching(
      /^\+ duplicates \{"rule":\{"k":9,"threshold":"function [0-9a-f]{12}","type":"function"\}\}$/,
    ) as string,
  ],
  [
    'a strategy',
    one.pipe(familiarity({ strategy: strategyOf(() => 1) })),
    one.pipe(familiarity({ strategy: strategyOf(() => 2) })),
    expect.stringMatching(/^\+ familiarity \{"strategy":\{.*"make":"function /) as string,
  ],
  [
    'options of a strategy',
    one.pipe(familiarity({ strategy: { type: 'gmm', components: 2 } })),
    one.pipe(familiarity({ strategy: { type: 'gmm', components: 3 } })),
    '+ familiarity {"strategy":{"components":3,"type":"gmm"}}',
  ],
  [
    'a predicate',
    one.pipe(filter({ columns: ['id'], where: ({ id }) => id === 'a' })),
    one.pipe(filter({ columns: ['id'], where: ({ id }) => id === 'b' })),
    expect.stringMatching(/^\+ filter \{"where":".*id === /) as string,
  ],
  ['where', reused('1'), reused('2'), '+ reuse {"where":{"label":"2"}}'],
]

function strategyOf(make: () => unknown): FamiliarityStrategy {
  return { type: 'own', make, fromState: make } as unknown as FamiliarityStrategy
}

function reused(label: string): Observable<unknown> {
  const otherwise = (flow: Observable<RecordBatch>) => flow
  return one.pipe(reuse({ from: 'x', key: 'id', where: { label }, columns: ['n'], otherwise }))
}

describe('a plan', () => {
  it.each(changes)('differs by %s', (_name, before, now, line) => {
    const [a, b] = [before, now].map((flow) => planRecord([flowOf(flow)]))
    expect(planDifference(a ?? [], b ?? [])).toContainEqual(line)
  })
})

describe('planDifference', () => {
  const files = ['fromFiles', { path: 'photos', labels: '{label}' }] as const
  const decode = ['decode', { onError: 'fail' }] as const
  const cases = [
    { name: 'nothing', before: chain(files, decode), now: chain(files, decode), lines: [] },
    {
      name: 'a setting, and not the others',
      before: chain(files, decode),
      now: chain(['fromFiles', { path: 'pictures', labels: '{label}' }], decode),
      lines: ['- fromFiles {"path":"photos"}', '+ fromFiles {"path":"pictures"}'],
    },
    {
      name: 'a setting within another',
      before: chain(['infer', { model: { path: 'a', size: 3 } }]),
      now: chain(['infer', { model: { path: 'b', size: 3 } }]),
      lines: ['- infer {"model":{"path":"a","size":3}}', '+ infer {"model":{"path":"b","size":3}}'],
    },
    {
      name: 'a setting that came',
      before: chain(decode),
      now: chain(['decode', { onError: 'fail', size: 9 }]),
      lines: ['- decode {}', '+ decode {"size":9}'],
    },
    {
      name: 'a part that came between two others',
      before: chain(files, decode),
      now: chain(files, ['decode', { onError: 'reject' }], decode),
      lines: ['+ decode {"onError":"reject"}'],
    },
    {
      name: 'a part that went',
      before: chain(files, ['resize', { width: 9 }], decode),
      now: chain(files, decode),
      lines: ['- resize {"width":9}'],
    },
    {
      name: 'two parts that changed places',
      before: chain(['a'], ['b']),
      now: chain(['b'], ['a']),
      lines: ['- a {}', '+ a {}'],
    },
    {
      name: 'another job',
      before: chain(['a'], ['b']),
      now: chain(['c']),
      lines: ['- a {}', '- b {}', '+ c {}'],
    },
  ]
  it.each(cases)('says $name', ({ before, now, lines }) => {
    expect(planDifference(before, now)).toEqual(lines)
  })

  it('says that the same parts are put together in another way', () => {
    const [a, b] = [part('a'), part('b')]
    const before = planRecord([part('zipFlows', {}, a, b)])
    const now = planRecord([a, b, part('zipFlows', {}, b, a)])
    expect(planDifference(before, now)).toEqual(['- zipFlows reads a, b', '+ zipFlows reads b, a'])
  })
})
