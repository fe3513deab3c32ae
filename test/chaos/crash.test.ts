import { afterAll, describe, expect, it } from 'vitest'
import { type FailPoint, failPoints } from '../../src/run/fail-point.ts'
import type { CaseName } from './cases.ts'
import type { Kill } from './killed-run.ts'
import { Trials } from './trial.ts'

type At = readonly [point: FailPoint, times: number]

/**
 * Where the processes of each run die, one after the other: each resumes the run of the one before. 60
 * kills in all, each fail point at least once, and each comes at its place: a run that does not come
 * by there fails the test.
 */
const deaths: readonly (readonly [CaseName, readonly At[]])[] = [
  [
    'rows plain both',
    [
      ['run: started', 1],
      ['source: after a batch', 40],
      ['manifest: amid write', 3],
      ['resume: checkpoint read', 1],
      ['manifest: before rename', 2],
      ['publish: before the first', 1],
      ['file: before rename', 1],
      ['file: after rename', 2],
      ['publish: after the last', 1],
    ],
  ],
  [
    'parquet plain jsonl',
    [
      ['source: at a barrier', 2],
      ['sink: after write', 3],
      ['sink: before finish', 1],
    ],
  ],
  [
    'concat plain parquet',
    [
      ['manifest: after rename', 3],
      ['sink: before write', 20],
      ['checkpoint: removing old ones', 1],
    ],
  ],
  [
    'merge plain both',
    [
      ['sink: before stage', 3],
      ['sink: after stage', 2],
      ['file: assembled', 2],
    ],
  ],
  [
    'rows plain spilled',
    [
      ['fan-out: spilling', 5],
      ['manifest: before write', 2],
      ['fan-out: spilling', 3],
    ],
  ],
  [
    'unbounded plain parts',
    [
      ['sink: before write', 60],
      ['file: before rename', 2],
      ['file: after rename', 1],
      ['rejects: after append', 2],
    ],
  ],
  [
    'rows fit jsonl',
    [
      ['table: spilling', 30],
      ['table: drained', 1],
      ['table: before a pass', 2],
      ['table: after a pass', 2],
      ['model: saving', 1],
      ['folder: amid rename', 1],
    ],
  ],
  [
    'rows online parquet',
    [
      ['operator: at a barrier', 7],
      ['index: saving', 1],
      ['state: after write', 2],
      ['file: after rename', 1],
    ],
  ],
  [
    'files plain parquet',
    [
      ['source: listing', 20],
      ['source: at a barrier', 2],
      ['sink: after write', 4],
    ],
  ],
  [
    'report',
    [
      ['table: spilling', 1],
      ['model: saving', 2],
      ['publish: before the first', 1],
      ['file: after rename', 3],
    ],
  ],
  [
    'fit',
    [
      ['model: saving', 1],
      ['publish: before the first', 1],
    ],
  ],
  ['score', [['sink: after write', 1]]],
  [
    'watched plain parquet',
    [
      ['watch: noted', 9],
      ['source: at a barrier', 2],
    ],
  ],
  [
    'kept rows online parquet',
    [
      ['mirror: before commit', 3],
      ['mirror: after commit', 2],
      ['index: saving', 1],
    ],
  ],
  [
    's3 rows fat jsonl',
    [
      ['upload: after create', 1],
      ['upload: after a part', 2],
      ['upload: before complete', 1],
      ['upload: after complete', 1],
    ],
  ],
  [
    's3 parquet plain both',
    [
      ['source: at a barrier', 2],
      ['sink: after write', 3],
      ['upload: after complete', 1],
    ],
  ],
  [
    's3 files plain parquet',
    [
      ['source: at a barrier', 3],
      ['upload: before create', 1],
      ['upload: after a part', 1],
    ],
  ],
]

const trials = new Trials()
afterAll(() => trials.close())

describe('a run that is killed and resumed', () => {
  it.concurrent.each(deaths)(
    'leaves what one that is not killed leaves: %s',
    { timeout: 600_000 },
    async (name, at) => {
      const kills = at.map(([point, times]): Kill => ({ point, times }))
      const { processes, lost, doubled, differences } = await trials.run(name, kills)
      expect({ lost, doubled, differences }).toEqual({ lost: 0, doubled: 0, differences: [] })
      expect(processes.map((ended) => ended.killedAt ?? ended.code)).toEqual([
        ...at.map(([point]) => point),
        0,
      ])
    },
  )

  it('dies at every fail point, 60 times in all', () => {
    const kills = deaths.flatMap(([, at]) => at.map(([point]) => point))
    expect([...new Set(kills)].sort()).toEqual([...failPoints].sort())
    expect(kills).toHaveLength(60)
  })
})
