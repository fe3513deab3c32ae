import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json, ModelState, StateArray } from '../../../src/models/model.ts'
import { OutlierLearner } from '../../../src/models/outlier-learner.ts'
import { OutlierModel } from '../../../src/models/outlier-model.ts'
import { restoredModel, saveModel } from '../../../src/models/save.ts'
import { expectDamaged } from '../../helpers/expect-damaged.ts'

let parent: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-outliers-'))
})
afterAll(() => rm(parent, { recursive: true }))

/** Two metrics of labels a and b; nothing is known of the second of b. */
const state: ModelState = {
  kind: 'outliers',
  version: 1,
  rowsSeen: 10,
  parameters: { columns: ['x', 'y'], log: ['y'], by: 'label', groups: [null, 'b'] },
  arrays: {
    limits: doubles(
      [4, 4],
      [[0, 1, 2, 3], [-Infinity, Infinity, 0, 0], [0, 1, 2, 3], Array<number>(4).fill(NaN)].flat(),
    ),
    sizes: doubles([4], [2, 0, 1, 0]),
    values: doubles([3], [-1, 2, 5]),
    ends: doubles([3], [1, 10, 4]),
  },
}

function doubles(shape: readonly number[], values: readonly number[]): StateArray {
  return { shape, values: Float64Array.from(values) }
}

let number = 0
async function restored(saved: ModelState): Promise<OutlierModel> {
  const folder = join(parent, String(number++))
  await saveModel(folder, saved)
  return restoredModel(folder, 'outliers', (given) => OutlierModel.fromState(given))
}

/** The saved model with one value of an array changed. */
function value(name: string, at: number, to: number): Partial<ModelState> {
  const { shape, values } = state.arrays[name] as StateArray & { values: Float64Array }
  return { arrays: { ...state.arrays, [name]: { shape, values: values.with(at, to) } } }
}

function parameter(name: string, to: Json): Partial<ModelState> {
  return { parameters: { ...state.parameters, [name]: to } }
}

const refused: readonly (readonly [string, Partial<ModelState>, string])[] = [
  ['columns that are no list', parameter('columns', 'x'), '`columns` to be a list'],
  ['columns that are no names', parameter('columns', [1, 2]), '`columns` to be a list'],
  ['a column twice', parameter('columns', ['x', 'x']), '`columns` to be a list'],
  ['logarithms of another column', parameter('log', ['z']), '`log` to be a list of some'],
  ['no list of logarithms', parameter('log', null), '`log` to be a list of some'],
  ['labels in a number', parameter('by', 7), '`by` to be a name or null in the saved'],
  ['no groups', parameter('groups', null), '`groups` to be a list of different labels'],
  ['a group twice', parameter('groups', ['b', 'b']), '`groups` to be a list of different'],
  ['two groups without a name', parameter('groups', [null, null]), '`groups` to be a list'],
  ['a group that is no text', parameter('groups', [null, {}]), '`groups` to be a list'],
  ['more groups than bounds', parameter('groups', [null, 'a', 'b']), '`limits` of shape 6×4'],
  ['a lower bound that is none', value('limits', 0, NaN), 'a bound below in the saved `outliers`'],
  ['a lower bound above all', value('limits', 0, Infinity), 'a bound below'],
  ['an upper bound that is none', value('limits', 1, NaN), 'a bound above'],
  ['an upper bound below all', value('limits', 1, -Infinity), 'a bound above'],
  ['a scale that is none', value('limits', 2, NaN), 'a scale of at least 0'],
  ['a scale below 0', value('limits', 3, -1), 'a scale of at least 0'],
  ['a size below 0', value('sizes', 0, -1), '`sizes` within the values'],
  ['a broken size', value('sizes', 0, 1.5), '`sizes` within the values'],
  ['an absurd size', value('sizes', 0, 1e300), '`sizes` within the values'],
  [
    'a size too large',
    value('sizes', 2, 2),
    '`sizes` within the values in the saved `outliers`, got 2',
  ],
  ['a size too small', value('sizes', 2, 0), '2 values of the metrics'],
  [
    'values without bounds',
    { arrays: { ...value('sizes', 2, 0).arrays, sizes: doubles([4], [2, 0, 0, 1]) } },
    'no values of a metric without bounds',
  ],
  ['a value that is none', value('values', 0, NaN), '`values` of a metric that are finite'],
  ['a value without end', value('values', 1, Infinity), '`values` of a metric that are finite'],
  ['values out of order', value('values', 0, 3), '`values` of a metric that are finite and ascend'],
  ['an end below 0', value('ends', 0, -1), '`ends` of a metric that are whole and ascend'],
  ['a broken end', value('ends', 0, 0.5), '`ends` of a metric that are whole and ascend'],
  ['ends out of order', value('ends', 0, 11), '`ends` of a metric that are whole and ascend'],
  ['ends of more rows than were learned', value('ends', 1, 11), '`ends` of at most 10 rows'],
  [
    'fewer ends than values',
    { arrays: { ...state.arrays, ends: doubles([2], [1, 2]) } },
    'array `ends` of shape 3',
  ],
]

describe('OutlierModel.fromState', () => {
  it('reads what was saved', async () => {
    const model = await restored(state)
    expect(model.state()).toEqual(state)
    expect(model.find(1, 'b')).toMatchObject({ own: false })
  })

  it('reads what was learned online, whatever the values', async () => {
    const rules = { unit: 'scale', lower: 3, upper: 3 } as const
    const learner = new OutlierLearner({
      ...{ columns: ['x'], log: [], by: 'label', method: 'adaptive', minRows: 3 },
      rules: [rules],
    })
    const values = Float64Array.from({ length: 20_000 }, (_, i) =>
      Math.floor((((i * 7919) % 997) + 1) ** -2 * 1e6),
    )
    learner.learn(
      [values],
      values.length,
      Array.from(values, (_, i) => (i % 3 ? 'a' : null)),
    )
    const saved = learner.model().state()
    expect((await restored(saved)).state()).toEqual(saved)
  })

  it.each(refused)('refuses %s', async (_, change, message) => {
    await expectDamaged(restored({ ...state, ...change }), parent, message)
  })
})
