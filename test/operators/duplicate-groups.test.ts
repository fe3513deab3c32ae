import { serialize } from 'node:v8'
import { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { duplicateGroups } from '../../operators/duplicate-groups.ts'
import {
  batchOf,
  boolColumn,
  float64Column,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { Barrier } from '../../src/flow/control.ts'
import type { Saved } from '../../src/flow/saved.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

type Pair = readonly [group: number | null, keep: boolean | null]

/** Items as `duplicates` answers for them: their exact and near groups. */
function items(names: string, exact: readonly Pair[], near: readonly Pair[]): RecordBatch {
  return batchOf([
    textColumn('id', Array.from(names)),
    int32Column(
      'exact_group',
      exact.map(([group]) => group),
    ),
    boolColumn(
      'exact_keep',
      exact.map(([, keep]) => keep),
    ),
    int32Column(
      'near_group',
      near.map(([group]) => group),
    ),
    boolColumn(
      'near_keep',
      near.map(([, keep]) => keep),
    ),
    textColumn(
      'near_by',
      near.map(([, keep]) => (keep === false ? 'phash' : null)),
    ),
    float64Column('embedding_distance', new Float64Array(names.length).fill(0.25)),
    int32Column(
      'hash_distance',
      near.map(([, keep]) => (keep === false ? 3 : null)),
    ),
  ])
}

const none: Pair = [null, null]
const batches = [
  items('ab', [none, none], [none, none]),
  items(
    'cd',
    [[1, true], none],
    [
      [0, true],
      [0, false],
    ],
  ),
  items(
    'ef',
    [
      [0, true],
      [1, false],
    ],
    [none, [0, false]],
  ),
  items('g', [[0, false]], [none]),
]

async function groupsFrom(
  from: number,
  barrier?: { readonly behind: number; readonly is: Barrier },
  states: ReadonlyMap<string, Saved> = new Map(),
): Promise<unknown[]> {
  const source = new Flow<RecordBatch>(async function* () {
    for (let i = from; i < batches.length; i++) {
      if (barrier?.behind === i) yield barrier.is
      yield await Promise.resolve(batches[i] as RecordBatch)
    }
  })
  const out = await pulled(flowOf(source.pipe(duplicateGroups())), runFrom(states))
  return out
    .filter((value) => value instanceof RecordBatch)
    .flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}

describe('duplicateGroups', () => {
  it('gives the members of exact groups, then of near ones, group by group', async () => {
    const rows = (await groupsFrom(0)) as {
      id: string
      kind: string
      group: number
      keep: boolean
    }[]
    expect(rows.map(({ kind, group, id, keep }) => [kind, group, id, keep])).toEqual([
      ['exact', 0, 'e', true],
      ['exact', 0, 'g', false],
      ['exact', 1, 'c', true],
      ['exact', 1, 'f', false],
      ['near', 0, 'c', true],
      ['near', 0, 'd', false],
      ['near', 0, 'f', false],
    ])
    expect(rows[5]).toMatchObject({ by: 'phash', embedding_distance: 0.25, hash_distance: 3 })
  })

  it.each([1, 2, 3])('goes on from a barrier behind %i batches', async (behind) => {
    const barrier = new Barrier(1)
    const whole = await groupsFrom(0, { behind, is: barrier })
    const rest = await groupsFrom(behind, undefined, barrier.states)
    expect(rest).toEqual(whole)
  })

  it('keeps fewer than 60 bytes of a member in a checkpoint', async () => {
    const count = 5_000
    const barrier = new Barrier(1)
    const pair: Pair = [7, false]
    const many = items(
      'x'.repeat(count),
      Array.from({ length: count }, () => none),
      Array.from({ length: count }, () => pair),
    )
    const source = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(many)
      yield barrier
    })
    await pulled(flowOf(source.pipe(duplicateGroups())), runFrom(new Map()))
    expect(serialize(barrier.states.get('duplicateGroups')).length / count).toBeLessThan(60)
  })
})
