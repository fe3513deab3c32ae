import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type DriftReference,
  driftReferenceKind,
  driftReferenceOf,
  driftReferenceState,
} from '../../../src/models/drift-reference.ts'
import type { Json, ModelState, StateArray } from '../../../src/models/model.ts'
import { restoredModel, saveModel } from '../../../src/models/save.ts'
import { expectDamaged } from '../../helpers/expect-damaged.ts'

let parent: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-drift-'))
})
afterAll(() => rm(parent, { recursive: true }))

const reference: DriftReference = {
  rowsSeen: 5,
  numbers: new Map([['x', Float64Array.of(1, 1, 4)]]),
  categories: new Map([
    [
      'label',
      new Map([
        ['a', 2],
        ['b', 2],
        [null, 1],
      ]),
    ],
  ]),
  embedding: {
    ...{ column: 'embedding', metric: 'cosine', k: 2, sigma: 0.5 },
    reference: { rows: 3, columns: 2, values: Float32Array.of(1, 0, 0, 1, 1, 1) },
    distances: Float64Array.of(0.3, 0.3, 0.6),
  },
}
const state = driftReferenceState(reference)
const embedding = state.parameters['embedding'] as Readonly<Record<string, Json>>

let number = 0
async function restored(saved: ModelState): Promise<DriftReference> {
  const folder = join(parent, String(number++))
  await saveModel(folder, saved)
  return restoredModel(folder, driftReferenceKind, driftReferenceOf)
}

function parameter(name: string, to: Json): Partial<ModelState> {
  return { parameters: { ...state.parameters, [name]: to } }
}

function ofEmbedding(name: string, to: Json): Partial<ModelState> {
  return parameter('embedding', { ...embedding, [name]: to })
}

function array(name: string, values: StateArray['values'], shape = [values.length]) {
  return { arrays: { ...state.arrays, [name]: { shape, values } } }
}

function without(name: string): Partial<ModelState> {
  return { arrays: Object.fromEntries(Object.entries(state.arrays).filter(([n]) => n !== name)) }
}

const category = { column: 'label', nulls: 1 }
const refused: readonly (readonly [string, Partial<ModelState>, string])[] = [
  ['numbers that are no list', parameter('numbers', 'x'), '`numbers` to be a list of different'],
  ['a column of numbers twice', parameter('numbers', ['x', 'x']), '`numbers` to be a list'],
  ['a column without numbers', parameter('numbers', ['x', 'y']), 'array `numbers_1` of the model'],
  ['no categories', parameter('categories', null), '`categories` to be a list'],
  ['a category that is none', parameter('categories', [null]), '`categories` with a `column`'],
  ['a category without a name', parameter('categories', [{ nulls: 1 }]), 'with a `column` each'],
  ['nulls below 0', parameter('categories', [{ ...category, nulls: -1 }]), 'number of `nulls`'],
  ['nulls as text', parameter('categories', [{ ...category, nulls: '1' }]), 'number of `nulls`'],
  ['absurd nulls', parameter('categories', [{ ...category, nulls: 1e15 }]), 'at most 5 rows'],
  ['no texts', without('texts_0'), 'array `texts_0` of different texts'],
  [
    'texts that are numbers',
    array('texts_0', Float64Array.of(1, 2)),
    '`texts_0` of different texts',
  ],
  ['a text twice', array('texts_0', ['a', 'a']), 'array `texts_0` of different texts'],
  ['more texts than counts', array('texts_0', ['a', 'b', 'c']), '`counts_0` of shape 3'],
  ['a count below 0', array('counts_0', Float64Array.of(2, -2)), 'positive whole numbers'],
  ['a count of 0', array('counts_0', Float64Array.of(2, 0)), 'positive whole numbers'],
  ['a count that is none', array('counts_0', Float64Array.of(NaN, 2)), 'positive whole numbers'],
  ['counts of too many rows', array('counts_0', Float64Array.of(2, 3)), 'at most 5 rows'],
  ['numbers out of order', array('numbers_0', Float64Array.of(2, 1)), 'finite numbers that ascend'],
  ['a number that is none', array('numbers_0', Float64Array.of(NaN)), 'finite numbers that ascend'],
  ['a number without end', array('numbers_0', Float64Array.of(1, Infinity)), 'that ascend'],
  ['an embedding that is none', parameter('embedding', 7), '`embedding` with a `column`'],
  ['an embedding that is null', parameter('embedding', null), '`embedding` with a `column`'],
  ['an unknown metric', ofEmbedding('metric', 'dot'), "`metric` of 'cosine' or 'euclidean'"],
  ['no neighbours', ofEmbedding('k', 0), '`k` to be a positive whole number'],
  ['broken neighbours', ofEmbedding('k', 1.5), '`k` to be a positive whole number'],
  ['no width', ofEmbedding('sigma', 0), 'a width `sigma` above 0'],
  ['a width as text', ofEmbedding('sigma', '1'), 'a width `sigma` above 0'],
  ['no matrix', without('embedding'), 'array `embedding` of two dimensions'],
  ['a list for a matrix', array('embedding', Float32Array.of(1, 2)), '`embedding` of two dim'],
  ['a matrix of no columns', array('embedding', new Float32Array(0), [3, 0]), 'of two dimensions'],
  ['a matrix of doubles', array('embedding', new Float64Array(6), [3, 2]), 'of float32'],
  [
    'a matrix with what is no number',
    array('embedding', new Float32Array(6).fill(NaN), [3, 2]),
    'array `embedding` of finite numbers',
  ],
  ['no distances', without('distances'), 'array `distances` of the model'],
  ['a distance below 0', array('distances', Float64Array.of(-1, 1)), '`distances` of at least 0'],
  ['distances out of order', array('distances', Float64Array.of(2, 1)), 'that ascend'],
  ['more distances than rows', array('distances', new Float64Array(4)), 'at most 3 `distances`'],
]

describe('driftReferenceOf', () => {
  it('reads what was saved', async () => {
    expect(await restored(state)).toEqual(reference)
  })

  it('takes as many neighbours as there are rows at most, whatever was written', async () => {
    const { embedding: read } = await restored({ ...state, ...ofEmbedding('k', 1e15) })
    expect(read?.k).toBe(3)
  })

  it('says what is wrong, where, and what to do', async () => {
    await expect(restored({ ...state, ...ofEmbedding('k', -1) })).rejects.toThrow(
      'Expected `k` to be a positive whole number in the saved `drift-reference`, got -1; fit it again',
    )
  })

  it.each(refused)('refuses %s', async (_, change, message) => {
    await expectDamaged(restored({ ...state, ...change }), parent, message)
  })
})
