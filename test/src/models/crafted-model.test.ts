import { execFileSync } from 'node:child_process'
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeVector, Table, tableToIPC } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/errors.ts'
import { GaussianMixture } from '../../../src/models/gaussian-mixture.ts'
import { modelLimits } from '../../../src/models/manifest.ts'
import type { ModelState } from '../../../src/models/model.ts'
import { Pca } from '../../../src/models/pca.ts'
import { loadModel, restoredModel, saveModel } from '../../../src/models/save.ts'
import { type Crafted, craft, craftFile } from '../../helpers/signed-model.ts'

let parent: string
let folder: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-crafted-'))
  folder = join(parent, 'model')
  await writeFile(join(parent, 'secret'), 'secret')
  await saveModel(folder, { ...state, files: { 'index.bin': join(parent, 'secret') } })
})
afterEach(() => rm(parent, { recursive: true }))

const state: ModelState = {
  kind: 'thing',
  version: 1,
  rowsSeen: 2,
  parameters: {},
  arrays: {
    doubles: { shape: [2], values: Float64Array.of(1, 2) },
    texts: { shape: [2], values: ['a', 'b'] },
  },
}

/** Sets a field of the entry `doubles`. */
function entry(field: string, value: unknown): (manifest: Crafted) => void {
  return ({ arrays }) => {
    Object.assign(arrays['doubles'] ?? {}, { [field]: value })
  }
}

const changes: readonly (readonly [string, (manifest: Crafted) => unknown, string])[] = [
  ['a file above the folder', entry('file', '../secret'), 'the name of a file in the folder'],
  ['an absolute file', entry('file', '/etc/hostname'), 'the name of a file in the folder'],
  ['a file of another system', entry('file', 'a\\b'), 'the name of a file in the folder'],
  ['a file with NUL', entry('file', 'a\0b'), 'the name of a file in the folder'],
  ['the folder itself', entry('file', '.'), 'the name of a file in the folder'],
  ['no file', entry('file', undefined), 'the name of a file in the folder'],
  ['an absurd shape', entry('shape', [1e6, 1e6]), '1000000000000 values of Float64'],
  ['a shape beyond numbers', entry('shape', Array(8).fill(2 ** 53 - 1)), 'values of Float64'],
  ['a negative shape', entry('shape', [-2, -1]), 'a shape of `doubles`'],
  ['a shape that is no list', entry('shape', { length: 1 }), 'a shape of `doubles`'],
  ['too many dimensions', entry('shape', Array(9).fill(1)), 'a shape of `doubles`'],
  ['an unknown type', entry('type', 'Int64'), 'a known type of `doubles`'],
  ['another type', entry('type', 'Utf8'), '2 values of Utf8 in `doubles.arrow`, got 2 of Float64'],
  ['another shape', entry('shape', [1]), '1 values of Float64 in `doubles.arrow`, got 2'],
  ['no checksum', entry('sha256', null), 'a checksum of `doubles`'],
  ['an entry that is none', (m) => (m.arrays['doubles'] = [] as never), 'an object for `doubles`'],
  ['a list of arrays', (m) => (m.arrays = [] as never), 'an object of arrays'],
  ['no files', (m) => delete (m as Partial<Crafted>).files, 'an object of files'],
  [
    'a name that every object has',
    (m) => (m.arrays = JSON.parse('{"__proto__":{}}') as Crafted['arrays']),
    'plain names of arrays in `model.json`, got "__proto__"',
  ],
  [
    'a name that is a path',
    (m) => (m.files['../x'] = { file: 'model.json', sha256: '' }),
    'plain names of files in `model.json`, got "../x"',
  ],
  [
    'too many arrays',
    (m) => {
      for (let i = 0; i < modelLimits.entries; i++)
        m.arrays[`a${String(i)}`] = { ...m.arrays['doubles'] }
    },
    `at most ${String(modelLimits.entries)} arrays in \`model.json\`, got 1026`,
  ],
  ['rows as text', (m) => (m['rowsSeen'] = '7'), 'a number of rows in `model.json`, got "7"'],
  ['rows below 0', (m) => (m['rowsSeen'] = -7), 'a number of rows in `model.json`, got -7'],
  [
    'a version that is none',
    (m) => (m['version'] = {}),
    'a version in `model.json`, got an object',
  ],
  ['parameters as a list', (m) => (m['parameters'] = []), 'an object of parameters'],
  ['a kind that is none', (m) => (m['kind'] = null), 'a kind in `model.json`, got null'],
]

async function refusal(): Promise<Error> {
  const error: unknown = await loadModel(folder, 'thing').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DataError)
  return error as Error
}

describe('loadModel of a crafted folder whose checksums are right', () => {
  it('reads one that was not changed', async () => {
    await craft(folder, () => undefined)
    expect((await loadModel(folder, 'thing')).arrays).toEqual(state.arrays)
  })

  it.each(changes)('refuses %s', async (_, change, message) => {
    await craft(folder, change)
    expect((await refusal()).message).toContain(message)
  })

  it('refuses an array whose batch says more rows than it has bytes', async () => {
    const rows = 1_000_000
    const long = tableToIPC(new Table({ values: makeVector(new Float64Array(rows)) }), 'file')
    const place = long.length
    await craftFile(folder, 'doubles.arrow', () => long.subarray(0, place - 4 * rows))
    await craft(folder, entry('shape', [rows]))
    expect((await refusal()).message).toContain(`${String(rows)} values of Float64`)
  })

  it('refuses what is no Arrow file', async () => {
    await craftFile(folder, 'doubles.arrow', () => Buffer.from('ARROW1\0\0 and no more'))
    expect((await refusal()).message).toMatch(/Arrow file|got undefined/)
  })

  it.each(['doubles.arrow', 'index.bin', 'model.json'])(
    'refuses %s as a link that leads out of the folder',
    async (name) => {
      await rename(join(folder, name), join(parent, 'elsewhere'))
      await symlink('../elsewhere', join(folder, name))
      expect((await refusal()).message).toBe(
        `Expected \`${name}\` in the model folder, got a link out of it`,
      )
    },
  )

  it('follows a link within the folder, and to the folder', async () => {
    await rename(join(folder, 'doubles.arrow'), join(folder, 'other'))
    await symlink('other', join(folder, 'doubles.arrow'))
    await symlink('model', join(parent, 'link'))
    expect((await loadModel(join(parent, 'link'), 'thing')).arrays).toEqual(state.arrays)
  })

  it('refuses a pipe, which nothing may ever be written to', async () => {
    await rm(join(folder, 'doubles.arrow'))
    execFileSync('mkfifo', [join(folder, 'doubles.arrow')])
    expect((await refusal()).message).toBe('Expected `doubles.arrow` to be a file')
  })

  it('refuses a larger `model.json` before it reads it', async () => {
    await writeFile(join(folder, 'model.json'), Buffer.alloc(modelLimits.manifestBytes + 1, 32))
    expect((await refusal()).message).toBe(
      `Expected \`model.json\` of at most ${String(modelLimits.manifestBytes)} bytes, got ${String(modelLimits.manifestBytes + 1)}`,
    )
  })
})

describe('restoredModel', () => {
  const pca: ModelState = {
    kind: 'pca',
    version: 1,
    rowsSeen: 9,
    parameters: { components: 1, whiten: false, seed: 0, total: 2 },
    arrays: {
      mean: { shape: [2], values: Float64Array.of(0, 0) },
      values: { shape: [1], values: Float64Array.of(1) },
      vectors: { shape: [1, 2], values: Float64Array.of(1, 0) },
    },
  }
  const pcaOf = (saved: ModelState) => Pca.fromState(saved)
  const mixtureOf = (saved: ModelState) => GaussianMixture.fromState(saved)
  const kinds = [
    { kind: 'pca', make: pcaOf, parameters: { components: 1e15 } },
    { kind: 'pca', make: pcaOf, parameters: { components: 'many' } },
    { kind: 'pca', make: pcaOf, parameters: { components: 5 } },
    { kind: 'gaussian-mixture', make: mixtureOf, parameters: {} },
    { kind: 'gaussian-mixture', make: mixtureOf, parameters: { options: null } },
    {
      kind: 'gaussian-mixture',
      make: mixtureOf,
      parameters: { options: { components: 1e9 } },
    },
  ] as const
  it.each(kinds)(
    'refuses a $kind with parameters $parameters',
    async ({ kind, make, parameters }) => {
      await saveModel(folder, { ...pca, kind, parameters })
      const error: unknown = await restoredModel<unknown>(folder, kind, make).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(DataError)
      expect(error).toMatchObject({ url: folder })
    },
  )
})
