import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch } from 'apache-arrow'
import fc from 'fast-check'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { duplicates } from '../../operators/duplicates.ts'
import { onlineDuplicates } from '../../operators/online-duplicates.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { UnionFind } from '../../src/models/union-find.ts'
import { OnlineGroups } from '../../src/neighbors/online-groups.ts'
import { flowOfBatches, type Point, pointBatches, pointsAt } from '../helpers/points.ts'
import { runFrom } from '../helpers/runs.ts'

afterAll(closeKernel)

interface Answer {
  readonly id: string
  readonly near_id: string | null
  readonly near_distance: number | null
  readonly group_id: string | null
  readonly merged_groups: readonly string[] | null
}

function answersIn(batches: readonly RecordBatch[]): Answer[] {
  return batches.flatMap((batch) =>
    batch.toArray().map((row) => {
      const { id, near_id, near_distance, group_id, merged_groups } = row.toJSON() as Answer
      return {
        id,
        near_id,
        near_distance,
        group_id,
        merged_groups: merged_groups && [...merged_groups],
      }
    }),
  )
}

type Options = Parameters<typeof onlineDuplicates>[0]

async function answers(points: readonly Point[], options: Options, size = 500): Promise<Answer[]> {
  const length = points.find(({ at }) => at)?.at?.length ?? 1
  const flow = flowOfBatches(pointBatches(points, length, size)).pipe(onlineDuplicates(options))
  return answersIn(await lastValueFrom(flow.pipe(toArray())))
}

const euclidean = { distance: 1, metric: 'euclidean' } as const

/** The groups of more than one that the answers end with, by id. */
function groupsAtEnd(rows: readonly Answer[]): string[][] {
  const numbers = new Map(rows.map(({ id }, row) => [id, row]))
  const sets = new UnionFind(rows.length)
  for (const { id, group_id: group, merged_groups: merged } of rows)
    for (const other of [group ?? id, ...(merged ?? [])])
      sets.unite(numbers.get(id) ?? 0, numbers.get(other) ?? 0)
  return sets.sets().map((set) => set.map((row) => rows[row]?.id ?? ''))
}

function sorted(groups: readonly (readonly string[])[]): string[] {
  return groups.map((ids) => [...ids].sort().join()).sort()
}

describe('onlineDuplicates', () => {
  it('gives each row the nearest before it, its group, and the groups that it merges', async () => {
    const points = pointsAt([[0], [5], null, [0.5], [6], [3], [4], [1.25], [2]])
    const rows = await answers(points, { ...euclidean, column: 'embedding' })
    expect(
      rows.map((row) => [row.near_id, row.near_distance, row.group_id, row.merged_groups]),
    ).toEqual([
      [null, null, '0', null],
      ['0', 5, '1', null],
      [null, null, null, null],
      ['0', 0.5, '0', null],
      ['1', 1, '1', null],
      ['1', 2, '5', null],
      ['1', 1, '1', ['5']],
      ['3', 0.75, '0', null],
      ['7', 0.75, '0', ['1']],
    ])
    expect(sorted(groupsAtEnd(rows))).toEqual(['0,1,3,4,5,6,7,8'])
  })

  it('takes copies for near at distance 0, by cosine whatever their length', async () => {
    const rows = await answers(
      pointsAt([
        [1, 2],
        [0.1, 0.2],
        [2, 1],
        [0, 0],
        [0, 0],
      ]),
      { distance: 0 },
    )
    expect(rows.map(({ group_id: group }) => group)).toEqual(['0', '0', '2', '3', '4'])
  })

  it('answers the same however the rows are batched', async () => {
    const points = pointsAt(
      Array.from({ length: 60 }, (_, i) =>
        i % 7 === 3 ? null : [Math.sin(i * i) * 4, Math.cos(3 * i) * 4],
      ),
    )
    const whole = await answers(points, euclidean)
    expect(whole.filter((row) => row.merged_groups).length).toBeGreaterThan(2)
    for (const size of [1, 2, 7]) expect(await answers(points, euclidean, size)).toEqual(whole)
  })

  const places = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 })),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  it('ends with the groups of the whole set, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        places.chain((all) =>
          fc.tuple(
            fc.constant(all),
            fc.shuffledSubarray([...all.keys()], { minLength: all.length }),
          ),
        ),
        fc.constantFrom('cosine' as const, 'euclidean' as const),
        fc.constantFrom(0.003, 0.02, 1, 1.5),
        fc.integer({ min: 1, max: 9 }),
        async ([all, order], metric, distance, size) => {
          const points = pointsAt(all)
          const shuffled = order.flatMap((row) => points[row] ?? [])
          const whole = flowOfBatches(pointBatches(points, 2)).pipe(
            duplicates({ rule: { distance }, metric, linkage: 'single', contentHash: false }),
          )
          const expected = new Map<number, string[]>()
          for (const batch of await lastValueFrom(whole.pipe(toArray())))
            for (const row of batch) {
              const { id, near_group: group } = row.toJSON() as {
                id: string
                near_group: number | null
              }
              if (group !== null) expected.set(group, [...(expected.get(group) ?? []), id])
            }
          const rows = await answers(shuffled, { distance, metric }, size)
          expect(sorted(groupsAtEnd(rows))).toEqual(sorted([...expected.values()]))
        },
      ),
      { seed: 1, numRuns: 25 },
    )
  })

  const wrong = [
    {
      options: {},
      message:
        'Expected option `distance` to be a number of at least 0, got `undefined` (undefined)',
    },
    {
      options: { distance: -1 },
      message: 'Expected option `distance` to be a number of at least 0, got `-1` (number)',
    },
    {
      options: { distance: 1, metric: 'cosin' },
      message:
        "Expected option `metric` to be one of 'cosine', 'euclidean', got `cosin` (string); did you mean `cosine`?",
    },
    {
      options: { distance: 1, columns: 'e' },
      message:
        'Expected onlineDuplicates to be given only known options, got `columns`; did you mean `column`?',
    },
  ]
  it.each(wrong)('refuses $options', ({ options, message }) => {
    expect(() => onlineDuplicates(options as Options)).toThrow(new OptionError(message))
  })

  it('refuses a missing column, values that are not finite, and an id that comes twice', async () => {
    const points = pointsAt([[1], [2]])
    await expect(answers(points, { distance: 1, column: 'emb' })).rejects.toThrow(SchemaError)
    await expect(answers(points, { distance: 1, column: 'id' })).rejects.toThrow(SchemaError)
    await expect(answers(pointsAt([[Infinity]]), { distance: 1 })).rejects.toThrow(DataError)
    await expect(answers([...points, ...points], { distance: 1 }, 2)).rejects.toThrow(
      'Expected new keys, got `0` again',
    )
  })

  it('keeps the columns it is given, and says what comes out', async () => {
    const flow = flowOf(
      flowOfBatches(pointBatches(pointsAt([[1], [2]]), 1)).pipe(onlineDuplicates({ distance: 1 })),
    )
    const out = await lastValueFrom(flow)
    expect(String(out.schema)).toBe(String(await flow.schema()))
    expect(out.schema.names.slice(0, 2)).toEqual(['id', 'embedding'])
  })
})

describe('OnlineGroups', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'online-groups-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const points = pointsAt(Array.from({ length: 90 }, (_, i) => [Math.sin(i * i) * 20, i % 5]))
  const batches = pointBatches(points, 2, 15)

  function start(durable = true): OnlineGroups {
    const { signal } = new AbortController()
    const place = { run: runFrom(new Map(), folder), key: 'onlineDuplicates', signal }
    return new OnlineGroups({ column: 'embedding', ...euclidean, ...(durable && { place }) })
  }

  async function answered(step: OnlineGroups, from: readonly RecordBatch[]): Promise<Answer[]> {
    const out: RecordBatch[] = []
    for (const batch of from) for await (const answer of step.next(batch)) out.push(answer)
    return answersIn(out)
  }

  it('goes on as if never stopped, from each snapshot', async () => {
    const whole = await answered(start(false), batches)
    const first = start()
    const states: unknown[] = []
    for (const batch of batches) {
      states.push(structuredClone(await first.snapshot()))
      await answered(first, [batch])
    }
    await first.close()
    // Each finds the log as it was left behind the last, and cuts it back.
    for (const [at, state] of [...states.entries()].reverse()) {
      const next = start()
      await next.restore(state)
      expect(await answered(next, batches.slice(at))).toEqual(whole.slice(15 * at))
      await next.close()
    }
  })

  it('has no snapshot without checkpoints', async () => {
    await expect(start(false).snapshot()).rejects.toThrow(
      'Expected a run with checkpoints, got none',
    )
  })
})
