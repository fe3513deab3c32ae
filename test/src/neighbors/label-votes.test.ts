import { describe, expect, it } from 'vitest'
import { labelVotes } from '../../../src/neighbors/label-votes.ts'

type Row = readonly [label: string, at: number]

/** What is said of the last of `rows`, which lie on a line. */
function lastOf(rows: readonly Row[], k: number): unknown[] {
  const names = [...new Set(rows.map(([label]) => label))]
  const found = rows.map(([, at], row) =>
    rows
      .map(([, x], other) => ({ other, distance: Math.abs(x - at) }))
      .filter(({ other }) => other !== row)
      .sort((a, b) => a.distance - b.distance || a.other - b.other)
      .slice(0, k),
  )
  const each = Array.from({ length: k }, (_, i) => i)
  const { error, suggested, confidence } = labelVotes({
    k,
    metric: 'euclidean',
    distances: Float64Array.from(
      found.flatMap((near) => each.map((i) => near[i]?.distance ?? Infinity)),
    ),
    rows: Int32Array.from(found.flatMap((near) => each.map((i) => near[i]?.other ?? -1))),
    labels: Int32Array.from(rows, ([label]) => names.indexOf(label)),
    classes: names.length,
  })
  const last = rows.length - 1
  return [names[suggested[last] ?? -1], error[last], confidence[last]]
}

/** Three `a` at the left and three `b` at the right. */
const ends: readonly Row[] = [0, 1, 3, 100, 101, 103].map((x) => [x < 50 ? 'a' : 'b', x])

const cases: { name: string; rows: readonly Row[]; k?: number; expected: unknown[] }[] = [
  {
    name: 'names the nearer label',
    rows: [...ends, ['b', 4]],
    // a: (1 + 3 + 4) / 3; b: (96 + 97 + 97) / 3, since it has 2 of 5 neighbours. Weights 5 to 1.
    expected: ['a', 290 / 298, 12 / 15],
  },
  {
    name: 'leaves a label that fits',
    rows: [...ends, ['a', 4]],
    expected: [undefined, 8 / 298, NaN],
  },
  {
    name: 'asks no copies of the row under its label',
    rows: [...ends, ['b', 4], ['b', 4], ['b', 4]],
    // b is not seen, and so as far as the last of 5 neighbours: 4.
    expected: ['a', 12 / (12 + 8), 1],
  },
  {
    name: 'hears copies of the row under another label, once',
    rows: [...ends, ['b', 4], ['b', 4], ['a', 4]],
    // b: 0, then twice 4, the last of 5 neighbours; a: 1, 3, 4.
    expected: [undefined, 8 / (8 + 8), NaN],
  },
  {
    name: 'counts copies of a neighbour once',
    rows: [...ends, ['b', 5], ['b', 5], ['b', 4]],
    // b: 1 + 4 + 4, a: 1 + 3 + 4; without the third neighbour the weights are 5, 4, 2 and 1.
    expected: ['a', 9 / (9 + 8), 8 / 12],
  },
  {
    name: 'does not let many rows outvote few',
    rows: [
      ...[1, 2, 3].map((x): Row => ['rare', x]),
      ...[4, 5, 6, 7, 8, 9].map((x): Row => ['common', x]),
      ['rare', 0],
    ],
    k: 9,
    expected: [undefined, 6 / (6 + 15), NaN],
  },
  {
    name: 'says nothing of a row that is alone',
    rows: [['a', 0]],
    expected: [undefined, NaN, NaN],
  },
  {
    name: 'is undecided where all are copies',
    rows: Array<Row>(4).fill(['a', 1]),
    expected: [undefined, 0.5, NaN],
  },
]

describe('labelVotes', () => {
  it.each(cases)('$name', ({ rows, k = 5, expected }) => {
    expect(lastOf(rows, k)).toEqual(
      expected.map((value): unknown =>
        typeof value === 'number' && !Number.isNaN(value) ? expect.closeTo(value, 9) : value,
      ),
    )
  })
})
