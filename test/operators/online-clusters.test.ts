import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { clusterChanges } from '../../operators/cluster-changes.ts'
import { onlineClusters, type OnlineClustersOptions } from '../../operators/online-clusters.ts'
import { OnlineClusters, rowsToDrop } from '../../src/clusters/online-clusters.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { Random } from '../../src/kernels/random.ts'
import { UnionFind } from '../../src/models/union-find.ts'
import { flowOfBatches, type Point, pointBatches, pointsAt } from '../helpers/points.ts'

afterAll(closeKernel)

interface Change {
  readonly change: string
  readonly cluster_id: string
  readonly id: string | null
  readonly from: string | null
}

interface Answer {
  readonly cluster: string | null
  readonly changes: readonly Change[]
}

function answersIn(batches: readonly RecordBatch[]): Answer[] {
  return batches.flatMap((batch) => {
    const lists = [...(batch.getChild('cluster_changes') ?? [])] as (Iterable<{
      toJSON(): unknown
    }> | null)[]
    return [...(batch.getChild('cluster_id') ?? [])].map((cluster, row) => ({
      cluster: cluster as string | null,
      changes: [...(lists[row] ?? [])].map((change) => change.toJSON() as Change),
    }))
  })
}

async function answers(points: readonly Point[], options: OnlineClustersOptions, size = 500) {
  const length = points.find(({ at }) => at)?.at?.length ?? 1
  const flow = flowOfBatches(pointBatches(points, length, size)).pipe(onlineClusters(options))
  return answersIn(await lastValueFrom(flow.pipe(toArray())))
}

/** Clusters as a consumer of the changes has them. */
class Replayed {
  readonly clusters = new Map<string, Set<string>>()

  take({ change, cluster_id: cluster, id, from }: Change): void {
    const members = this.clusters.get(cluster) ?? new Set<string>()
    this.clusters.set(cluster, members)
    if (change === 'joined') {
      if (from !== null) this.clusters.get(from)?.delete(id ?? '')
      members.add(id ?? '')
    } else if (change === 'left' || change === 'expired') members.delete(id ?? '')
    else if (change === 'ended') {
      expect([...members]).toEqual([])
      this.clusters.delete(cluster)
    } else if (change === 'merged') {
      for (const each of this.clusters.get(from ?? '') ?? []) members.add(each)
      this.clusters.delete(from ?? '')
    } else expect([...members]).toEqual([])
  }

  get sorted(): string[] {
    return [...this.clusters.values()].map((ids) => [...ids].sort().join()).sort()
  }

  clusterOf(id: string): string | null {
    for (const [cluster, ids] of this.clusters) if (ids.has(id)) return cluster
    return null
  }
}

/** The clusters of points by their definition, each looked at with all others. */
function directly(points: readonly Point[], options: OnlineClustersOptions): string[] {
  const { distance, minSamples = 3, minClusterSize = 5 } = options
  const near = points.map(({ at: a }) =>
    points.flatMap(({ at: b }, other) =>
      Math.hypot(...(a ?? []).map((x, i) => x - (b?.[i] ?? 0))) <= distance ? [other] : [],
    ),
  )
  const dense = near.map((others) => others.length >= minSamples)
  const joined = new UnionFind(points.length)
  for (const [row, others] of near.entries())
    for (const other of others) if (dense[row] && dense[other]) joined.unite(row, other)
  const sets = new Map<number, string[]>()
  for (const [row, { id }] of points.entries()) {
    if (!dense[row]) continue
    const root = joined.find(row)
    sets.set(root, [...(sets.get(root) ?? []), id])
  }
  return [...sets.values()]
    .filter((ids) => ids.length >= minClusterSize)
    .map((ids) => ids.sort().join())
    .sort()
}

/** Three places that wander about: their rows meet, part and thin out. On a grid, so that rounding decides nothing. */
function wandering(seed: number, numRows: number): Point[] {
  const random = new Random(seed)
  const centres = [
    [0, 0],
    [6, 0],
    [0, 6],
  ]
  return pointsAt(
    Array.from({ length: numRows }, (_, i) => {
      if (i % 23 === 22) return null
      const centre = centres[Math.floor(random.uniform() * 3)] ?? []
      for (const axis of [0, 1]) centre[axis] = (centre[axis] ?? 0) + random.uniform() * 0.8 - 0.4
      return centre.map((x) => Math.round(4 * (x + random.normal())) / 4)
    }),
  )
}

/** Kinds of changes that were seen. */
const kinds = new Set<string>()

function short({ change, cluster_id: cluster, id, from }: Change): string {
  const where = from === null ? '' : ` from ${from}`
  return `${change} ${cluster}${id === null ? '' : `: ${id}`}${where}`
}

function joined(cluster: string, ids: readonly number[], from: string): string[] {
  return ids.map((id) => `joined ${cluster}: ${String(id)} from ${from}`)
}

const euclidean = { metric: 'euclidean', distance: 1 } as const

describe('onlineClusters', () => {
  it.each([
    { seed: 1, options: { ...euclidean, windowRows: 40 } },
    { seed: 2, options: { ...euclidean, windowRows: 60, minSamples: 4, minClusterSize: 3 } },
    { seed: 3, options: { ...euclidean, windowRows: 33, minSamples: 1, minClusterSize: 2 } },
    { seed: 4, options: { ...euclidean, windowRows: 50, minSamples: 2, minClusterSize: 1 } },
    { seed: 5, options: { ...euclidean, distance: 0.75, windowRows: 100 } },
  ])('has at any time the clusters of the rows that are held, seed $seed', async (given) => {
    const { seed, options } = given
    const points = wandering(seed, 180)
    const rows = await answers(points, options)
    const replayed = new Replayed()
    let held: Point[] = []
    for (const [row, point] of points.entries()) {
      if (point.at) {
        if (held.length === options.windowRows) held = held.slice(rowsToDrop(options.windowRows))
        held.push(point)
      }
      for (const change of rows[row]?.changes ?? []) {
        replayed.take(change)
        kinds.add(change.change)
      }
      expect(replayed.sorted).toEqual(directly(held, options))
      expect(rows[row]?.cluster).toBe(replayed.clusterOf(point.id))
    }
  })

  it('does so through changes of every kind', () => {
    expect([...kinds].sort()).toEqual(
      ['formed', 'joined', 'merged', 'split', 'left', 'expired', 'ended'].sort(),
    )
  })

  it('gives a row its cluster as it comes, and says what it changes', async () => {
    const places = [0, 1, 2, 10, 3, 11, 12, 7, 8, 9, 5, 4, 6, 13, 200, 300, 400, 500]
    const options = { ...euclidean, minSamples: 2, minClusterSize: 3, windowRows: 13 }
    const rows = await answers(pointsAt(places.map((x) => [x])), options)
    const found = rows.map(({ cluster, changes }) => [cluster, ...changes.map(short)])
    expect(found).toEqual([
      [null],
      [null],
      ['0', 'formed 0', 'joined 0: 0', 'joined 0: 1', 'joined 0: 2'],
      [null],
      ['0', 'joined 0: 4'],
      [null],
      ['3', 'formed 3', 'joined 3: 3', 'joined 3: 5', 'joined 3: 6'],
      [null],
      [null],
      ['3', 'joined 3: 7', 'joined 3: 8', 'joined 3: 9'],
      [null],
      ['0', 'joined 0: 10', 'joined 0: 11'],
      // Six and six: the one that formed first goes on.
      ['0', 'merged 0 from 3', 'joined 0: 12'],
      // Thirteen are held: two leave before the next.
      ['0', 'expired 0: 0', 'expired 0: 1', 'joined 0: 13'],
      [null],
      [null, 'expired 0: 2', 'expired 0: 3', 'split 5 from 0', ...joined('5', [5, 6, 13], '0')],
      [null],
      [null, 'expired 0: 4', 'expired 5: 5', 'left 5: 6', 'left 5: 13', 'ended 5'],
    ])
  })

  it('gives no id twice', async () => {
    const places = [5, 500, 0, 1, 2, 9, 8, 7, 10, 3, 4, 6, 600]
    const options = { ...euclidean, minSamples: 2, minClusterSize: 3, windowRows: 12 }
    const rows = await answers(pointsAt(places.map((x) => [x])), options)
    const changes = rows.flatMap((row) => row.changes.map(short))
    expect(changes.filter((change) => /formed|merged|split/.test(change))).toEqual([
      'formed 2',
      'formed 5',
      'merged 2 from 5',
      // The parts are of five rows each; the first row of the second has named a cluster.
      'split 5~2 from 2',
    ])
  })

  it('answers the same however the rows are batched', async () => {
    const points = wandering(9, 120)
    const options = { ...euclidean, windowRows: 40 }
    const whole = await answers(points, options)
    expect(whole.flatMap(({ changes }) => changes).length).toBeGreaterThan(100)
    for (const size of [1, 2, 7]) expect(await answers(points, options, size)).toEqual(whole)
    const [batch] = pointBatches([...pointsAt([[0, 0]]), ...points], 2)
    const flow = flowOfBatches([batch?.slice(1) as RecordBatch]).pipe(onlineClusters(options))
    expect(answersIn(await lastValueFrom(flow.pipe(toArray())))).toEqual(whole)
  })

  it('goes on from what it saved', async () => {
    const how = {
      ...{ column: 'embedding', ...euclidean },
      ...{ windowRows: 40, minSamples: 3, minClusterSize: 5 },
    }
    const batches = pointBatches(wandering(7, 200), 2, 10)
    const whole = new OnlineClusters(how)
    let step = new OnlineClusters(how)
    for (const batch of batches) {
      const [expected, found] = [whole, step].map(async (each) => {
        const out: RecordBatch[] = []
        for await (const made of each.next(batch)) out.push(made)
        return answersIn(out)
      })
      expect(await found).toEqual(await expected)
      const saved = structuredClone(step.snapshot())
      step = new OnlineClusters(how)
      step.restore(saved)
    }
  })

  it('takes the cosine by default, and copies for near at distance 0', async () => {
    const rows = await answers(
      pointsAt([
        [1, 2],
        [2, 1],
        [0.1, 0.2],
        [3, 6],
        [0, 0],
      ]),
      {
        ...{ distance: 0, minSamples: 3, minClusterSize: 3 },
      },
    )
    expect(rows.map(({ cluster }) => cluster)).toEqual([null, null, null, '0', null])
  })

  it('checks its options, the column, the values and the ids', async () => {
    for (const [options, name] of [
      [{}, 'distance'],
      [{ distance: -1 }, 'distance'],
      [{ distance: 1, minSamples: 0 }, 'minSamples'],
      [{ distance: 1, minClusterSize: 0 }, 'minClusterSize'],
      [{ distance: 1, windowRows: 0 }, 'windowRows'],
      [{ distance: 1, metric: 'dot' }, 'metric'],
      [{ distance: 1, rule: 1 }, 'rule'],
    ] as const) {
      const call = () => onlineClusters(options as OnlineClustersOptions)
      expect(call).toThrow(OptionError)
      expect(call).toThrow(`\`${name}\``)
    }
    await expect(answers(pointsAt([[1]]), { distance: 1, column: 'x' })).rejects.toThrow(
      SchemaError,
    )
    await expect(answers(pointsAt([[NaN]]), euclidean)).rejects.toThrow(DataError)
    const twice = [...pointsAt([[1]]), ...pointsAt([[2]])]
    await expect(answers(twice, euclidean)).rejects.toThrow('Expected new ids, got `0` again')
    // Of a row that has left nothing is known.
    const later = [...pointsAt(Array.from({ length: 9 }, (_, i) => [i])), ...pointsAt([[2]])]
    expect(await answers(later, { ...euclidean, windowRows: 8 })).toHaveLength(10)
  })
})

describe('clusterChanges', () => {
  it.each([1, 2, 500])('lists the changes, in batches of %i', async (size) => {
    const points = wandering(4, 150)
    const options = { ...euclidean, windowRows: 40 }
    const rows = await answers(points, options)
    const flow = flowOfBatches(pointBatches(points, 2, size)).pipe(
      onlineClusters(options),
      clusterChanges(),
    )
    const batches = await lastValueFrom(flow.pipe(toArray()))
    const found = batches.flatMap((batch) => batch.toArray().map((row) => row.toJSON() as Change))
    expect(found).toEqual(rows.flatMap(({ changes }) => changes))
    expect(batches[0]?.schema.names).toEqual(['change', 'cluster_id', 'id', 'from'])
  })

  it('refuses rows that onlineClusters has not seen', async () => {
    const flow = flowOfBatches(pointBatches(pointsAt([[1]]), 1)).pipe(clusterChanges())
    await expect(lastValueFrom(flow)).rejects.toThrow(SchemaError)
  })
})
