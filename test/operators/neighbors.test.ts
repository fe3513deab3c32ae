import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeVector, type RecordBatch } from 'apache-arrow'
import { concat as concatFlows, lastValueFrom, throwError, toArray } from 'rxjs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { neighbors, type NeighborsOptions } from '../../operators/neighbors.ts'
import { batchOf, column, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neighbors-test-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})
afterAll(closeKernel)

type Rows = readonly (readonly [id: string, ...embedding: number[]])[]

function batchesOf(rows: Rows, size: number): RecordBatch[] {
  const out: RecordBatch[] = []
  for (let from = 0; from < rows.length; from += size) {
    const part = rows.slice(from, from + size)
    const values = Float32Array.from(part.flatMap(([, ...embedding]) => embedding))
    const ids = part.map(([id]) => id)
    const length = (rows[0]?.length ?? 1) - 1
    out.push(batchOf([textColumn('id', ids), tensorColumn('embedding', [length], values)]))
  }
  return out
}

function rowsIn(batches: readonly RecordBatch[], bounded = true): Flow<RecordBatch> {
  return new Flow(
    async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    },
    { name: 'rows', role: 'source', bounded, schema: () => schemaOf(batches) },
  )
}

function schemaOf(batches: readonly RecordBatch[]): RecordBatch['schema'] {
  const [first] = [...batches, ...batchesOf([['a', 0, 0]], 1)]
  if (!first) throw new Error('Expected a batch')
  return first.schema
}

async function near(rows: Rows, options: NeighborsOptions, size = 3): Promise<unknown[][]> {
  const flow = rowsIn(batchesOf(rows, size)).pipe(neighbors(options))
  const batches = await lastValueFrom(flow.pipe(toArray()), { defaultValue: [] })
  return batches.flatMap((batch) =>
    Array.from({ length: batch.numRows }, (_, i) => [
      column(batch, 'near_id').get(i) as unknown,
      rounded(column(batch, 'near_distance').get(i)),
    ]),
  )
}

function rounded(value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value
}

const line: Rows = [
  ['a', 0, 1],
  ['b', 4, 1],
  ['c', 1, 1],
  ['d', 1, 1],
  ['e', 9, 1],
]

/** Rows on a spiral: no ties. */
const spiral: Rows = Array.from({ length: 120 }, (_, i) => [
  `r${String(i)}`,
  Math.cos(i * i),
  Math.sin(3 * i),
  i / 60,
])

const cases: { name: string; rows: Rows; options: NeighborsOptions; expected: unknown[][] }[] = [
  { name: 'no row has no answer', rows: [], options: {}, expected: [] },
  { name: 'one row is alone', rows: [['a', 1, 2]], options: {}, expected: [[null, null]] },
  {
    name: 'fit takes the nearest other row, ties by the earlier',
    rows: line,
    options: { metric: 'euclidean' },
    expected: [
      ['c', 1],
      ['c', 3],
      ['d', 0],
      ['c', 0],
      ['b', 5],
    ],
  },
  {
    name: 'online takes the nearest row before',
    rows: line,
    options: { metric: 'euclidean', mode: 'online', index: 'exact', windowRows: 2 },
    expected: [
      [null, null],
      ['a', 4],
      ['a', 1],
      ['c', 0],
      ['b', 5],
    ],
  },
  {
    name: 'hnsw finds the same here',
    rows: line,
    options: { metric: 'euclidean', index: 'hnsw' },
    expected: [
      [expect.stringMatching(/c|d/), 1],
      [expect.stringMatching(/c|d/), 3],
      ['d', 0],
      ['c', 0],
      ['b', 5],
    ],
  },
  {
    name: 'cosine of equal, orthogonal, opposite and zero rows',
    rows: [
      ['a', 1, 0],
      ['b', 2, 0],
      ['c', 0, 3],
      ['z', 0, 0],
    ],
    options: {},
    expected: [
      ['b', 0],
      ['a', 0],
      ['a', 1],
      ['a', 1],
    ],
  },
  {
    name: 'all rows the same',
    rows: [['a', 1, 1] as const, ['b', 1, 1] as const, ['c', 1, 1] as const],
    options: {},
    expected: [
      ['b', 0],
      ['a', 0],
      ['a', 0],
    ],
  },
]

describe('neighbors', () => {
  it.each(cases)('$name', async ({ rows, options, expected }) => {
    for (const size of [1, 2, 99]) expect(await near(rows, options, size)).toEqual(expected)
  })

  it('answers online as an exact search of the rows so far, whatever the windows and batches', async () => {
    const options = { mode: 'online', index: 'exact', metric: 'euclidean' } as const
    const whole = await near(spiral, { ...options, windowRows: 500 }, 120)
    for (const [windowRows, size] of [
      [1, 7],
      [16, 16],
      [50, 1],
    ] as const)
      expect(await near(spiral, { ...options, windowRows }, size)).toEqual(whole)
    for (const [i, [id]] of whole.entries()) {
      const before = spiral.slice(0, i + 1)
      if (i % 17 === 5) expect((await near(before, { metric: 'euclidean' }))[i]?.[0]).toBe(id)
    }
  })

  it('lists k neighbours, fewer where there are fewer rows', async () => {
    const source = rowsIn(batchesOf(line.slice(0, 3), 3))
    const flow = flowOf(source.pipe(neighbors({ k: 4, metric: 'euclidean' })))
    const batch = await lastValueFrom(flow)
    const lists = [...column(batch, 'neighbor_ids')].map((list) => [...(list as string[])])
    expect(lists).toEqual([
      ['c', 'b'],
      ['c', 'a'],
      ['a', 'b'],
    ])
    expect([...(column(batch, 'neighbor_distances').get(1) as Iterable<number>)]).toEqual([3, 4])
    expect(String(batch.schema)).toBe(String(await flow.schema()))
  })

  it.each(['exact', 'hnsw'] as const)(
    'searches a saved index of the fitted rows: %s',
    async (index) => {
      const save = join(folder, 'index')
      await near(line, { metric: 'euclidean', index, save })
      const scored: Rows = [
        ['x', 8.5, 1],
        ['b', 4, 1],
      ]
      expect(await near(scored, { model: save }, 1)).toEqual([
        ['e', 0.5],
        ['b', 0],
      ])
    },
  )

  it('saves at the end of an online run too', async () => {
    const save = join(folder, 'index')
    await near(line, { mode: 'online', metric: 'euclidean', windowRows: 2, save })
    expect(await near([['x', 8.5, 1]], { model: save })).toEqual([['e', 0.5]])
  })

  it('says of a damaged index which file it is, and does not crash', async () => {
    const save = join(folder, 'index')
    await near(spiral, { index: 'hnsw', save })
    for (const file of await readdir(save)) {
      const path = join(save, file)
      const bytes = await readFile(path)
      const flipped = Buffer.from(bytes)
      flipped[bytes.length >> 1] = (flipped[bytes.length >> 1] ?? 0) ^ 1
      for (const damage of [flipped, bytes.subarray(0, bytes.length >> 1), Buffer.alloc(0)]) {
        await writeFile(path, damage)
        await expect(near(spiral, { model: save })).rejects.toThrow(DataError)
      }
      await rm(path)
      await expect(near(spiral, { model: save })).rejects.toThrow(DataError)
      await writeFile(path, bytes)
    }
    expect((await near(spiral, { model: save }))[0]).toEqual(['r0', 0])
  })

  it('refuses an index of another length', async () => {
    const save = join(folder, 'index')
    await near(line, { index: 'exact', save })
    await expect(near(spiral, { model: save })).rejects.toThrow(SchemaError)
  })

  it('gives nulls to a row without embedding, and does not name it as a neighbour', async () => {
    const tensors = tensorColumn('embedding', [1], Float32Array.of(1, 1, 5))
    const { field, vector } = tensors
    const nulls = vector.data[0]?.clone(vector.type, 0, 3, 1, [
      undefined,
      undefined,
      Uint8Array.of(0b101),
    ] as never)
    const batch = batchOf([
      textColumn('id', ['a', 'none', 'c']),
      { field, vector: makeVector(nulls as never) },
    ])
    for (const mode of ['fit', 'online'] as const) {
      const out = await lastValueFrom(
        rowsIn([batch]).pipe(neighbors({ metric: 'euclidean', mode, index: 'exact' })),
      )
      expect([...column(out, 'near_id')]).toEqual([mode === 'fit' ? 'c' : null, null, 'a'])
    }
  })

  it.each(['fit', 'online'] as const)('refuses values that are not finite: %s', async (mode) => {
    const rows: Rows = [
      ['a', 1, 1],
      ['b', Number.NaN, 1],
    ]
    await expect(near(rows, { mode })).rejects.toThrow(
      'Expected finite float32 values in column `embedding`, got NaN at row 1, position 0',
    )
  })

  it('refuses an id that comes twice where there is an index', async () => {
    await expect(near([...line, ['a', 3, 3]], { index: 'hnsw' })).rejects.toThrow(DataError)
  })

  it('passes the error of its source on', async () => {
    const failing = concatFlows(
      rowsIn(batchesOf(line, 5)),
      throwError(() => new Error('gone')),
    )
    await expect(lastValueFrom(failing.pipe(neighbors({ mode: 'online' })))).rejects.toThrow('gone')
  })

  const wrong: { options: object; message: string }[] = [
    {
      options: { k: 0 },
      message: 'Expected option `k` to be a positive integer, got `0` (number)',
    },
    {
      options: { metric: 'cosin' },
      message:
        "Expected option `metric` to be one of 'cosine', 'euclidean', got `cosin` (string); did you mean `cosine`?",
    },
    {
      options: { model: 'x', index: 'exact' },
      message: 'Expected no option `index` beside `model`, which decides it',
    },
    {
      options: { window: 3 },
      message: 'Expected neighbors to be given only known options, got `window`',
    },
  ]
  it.each(wrong)('refuses $options', ({ options, message }) => {
    expect(() => neighbors(options)).toThrow(new OptionError(message))
  })

  it('refuses to fit what never ends', () => {
    const endless = rowsIn(batchesOf(line, 2), false)
    expect(() => endless.pipe(neighbors({ mode: 'fit' }))).toThrow(OptionError)
  })
})
