import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, FixedSizeList, Float32, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { familiarity, type FamiliarityOptions } from '../../operators/familiarity.ts'
import { gmm } from '../../operators/gmm.ts'
import { batchOf, column, concat, take, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import type { FamiliarityStrategy } from '../../src/models/density.ts'
import type { Familiarity } from '../../src/models/familiarity.ts'
import { meanDistance } from '../helpers/mean-distance.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'familiarity-test-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await closeKernel()
})

/** Where the rows of a label lie. */
const places: Readonly<Record<string, number>> = { a: 0, b: 10, few: 20 }

/** Clouds: every 20th row is one of `few`, every 17th has no label, row 5 has no value, row 100 lies with b but is called a. */
function clouds(count: number, labelOf: (row: number) => string | null = labelled): RecordBatch {
  let state = 11
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5
  const labels = Array.from({ length: count }, (_, row) => labelOf(row))
  const values = labels.map((label, row) => {
    if (row === 5) return null
    const at = row === 100 ? 10 : (places[label ?? 'a'] ?? 0)
    return Float32Array.from({ length: 3 }, () => at + random() + random())
  })
  const type = new FixedSizeList(3, new Field('item', new Float32(), false))
  return batchOf([
    textColumn(
      'id',
      values.map((_, row) => String(row)),
    ),
    textColumn('label', labels),
    { field: new Field('pca', type, true), vector: vectorFromArray(values, type) },
  ])
}

function labelled(row: number): string | null {
  if (row % 20 === 7) return 'few'
  if (row % 17 === 3) return null
  return row % 5 < 3 ? 'a' : 'b'
}

const rows = clouds(500)
const labels = [...column(rows, 'label')] as (string | null)[]

function flowIn(size: number, { bounded = true, of = rows } = {}): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < of.numRows; at += size)
        yield await Promise.resolve(of.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded, schema: () => of.schema },
  )
}

async function run(flow: Flow<RecordBatch>, options: FamiliarityOptions): Promise<RecordBatch> {
  return concat(await lastValueFrom(flow.pipe(familiarity(options), toArray())))
}

/** A column with nulls. */
function numbers(out: RecordBatch, name: string): (number | null)[] {
  return [...column(out, name)] as (number | null)[]
}

/** The rows for which `holds`. */
function rowsWhere(holds: (label: string | null, row: number) => boolean): number[] {
  return labels.flatMap((label, row) => (holds(label, row) ? [row] : []))
}

const two = { type: 'gmm', components: 2 } as const
const byLabel: FamiliarityOptions = {
  by: 'label',
  strategy: two,
  minRows: 40,
  warmupRows: 150,
  windowRows: 64,
}

describe('familiarity', () => {
  let saved: string
  beforeAll(async () => {
    saved = join(folder, 'saved')
    await run(flowIn(500), { ...byLabel, save: saved })
  })
  const modes: readonly [string, (size: number) => Promise<RecordBatch>][] = [
    ['fit', (size) => run(flowIn(size), byLabel)],
    ['online', (size) => run(flowIn(size, { bounded: false }), byLabel)],
    ['frozen', (size) => run(flowIn(size), { by: 'label', strategy: two, model: saved })],
    [
      'online with a strategy of one’s own',
      (size) => run(flowIn(size, { bounded: false }), { ...byLabel, strategy: meanDistance }),
    ],
  ]
  for (const [mode, answer] of modes)
    it(`gives the same bits in mode ${mode}, however the rows are batched`, async () => {
      const whole = await answer(500)
      expect([...column(whole, 'id')]).toEqual([...column(rows, 'id')])
      for (const size of [1, 29, 128]) {
        const parts = await answer(size)
        for (const name of ['label_familiarity', 'label_familiarity_percentile'])
          expect(numbers(parts, name)).toEqual(numbers(whole, name))
      }
    })

  it('equals gmm among all rows, and among those of each label', async () => {
    const all = await run(flowIn(77), { strategy: two })
    const alike = concat(await lastValueFrom(flowIn(77).pipe(gmm({ components: 2 }), toArray())))
    for (const name of ['familiarity', 'familiarity_percentile'])
      expect(numbers(all, name)).toEqual(numbers(alike, name))

    const grouped = await run(flowIn(77), byLabel)
    for (const label of ['a', 'b']) {
      const own = rowsWhere((l) => l === label)
      const alone = flowIn(90, { of: take(rows, own) })
      const out = concat(await lastValueFrom(alone.pipe(gmm({ components: 2 }), toArray())))
      const expected = numbers(out, 'familiarity')
      own.forEach((row, i) => {
        const score = numbers(grouped, 'label_familiarity')[row]
        if (row === 5) expect(score).toBeNull()
        else expect(score).toBeCloseTo(expected[i] ?? NaN, 9)
      })
    }
  })

  it('finds the row that is familiar, but not under its label', async () => {
    const all = numbers(await run(flowIn(77), { strategy: two }), 'familiarity_percentile')
    expect(all[100]).toBeGreaterThan(5)
    expect(labels[100]).toBe('a')
    const one = await run(flowIn(77), { ...byLabel, strategy: { type: 'gmm', components: 1 } })
    const scores = numbers(one, 'label_familiarity')
    const inA = rowsWhere((label, row) => label === 'a' && row !== 5)
    expect(inA.reduce((a, b) => ((scores[b] ?? 0) < (scores[a] ?? 0) ? b : a))).toBe(100)
  })

  it('says nothing of labels with few rows, of no label, and of labels that a model does not know', async () => {
    const fitted = numbers(await run(flowIn(77), byLabel), 'label_familiarity')
    const silent = rowsWhere((label, row) => label === null || label === 'few' || row === 5)
    expect(rowsWhere((_, row) => fitted[row] === null)).toEqual(silent)

    const renamed = clouds(60, (row) => (row < 30 ? 'a' : 'new'))
    const frozen = { by: 'label', strategy: two, model: saved }
    const out = await run(flowIn(7, { of: renamed }), frozen)
    const nulls = numbers(out, 'label_familiarity').flatMap((s, row) => (s === null ? [row] : []))
    expect(nulls).toEqual([5, ...Array.from({ length: 30 }, (_, i) => 30 + i)])

    const none = await run(flowIn(50, { of: clouds(120, () => null) }), { ...byLabel })
    expect(column(none, 'label_familiarity').nullCount).toBe(120)
  })

  it('scores fitted rows alike when the model is frozen', async () => {
    const fitted = await run(flowIn(500), byLabel)
    const frozen = await run(flowIn(64), { by: 'label', strategy: two, model: saved })
    for (const name of ['label_familiarity', 'label_familiarity_percentile'])
      numbers(fitted, name).forEach((score, row) => {
        if (score === null) expect(numbers(frozen, name)[row]).toBeNull()
        else expect(numbers(frozen, name)[row]).toBeCloseTo(score, 6)
      })
  })

  it('fits more groups than fit at once, each as if alone', async () => {
    const many = clouds(720, (row) => `l${String(row % 18)}`)
    const models: Familiarity[] = []
    const options = { by: 'label', minRows: 30, onModel: (m: Familiarity) => models.push(m) }
    await run(flowIn(100, { of: many }), { ...options, strategy: { type: 'gmm', components: 1 } })
    expect(models[0]?.densities.size).toBe(18)
    for (const density of models[0]?.densities.values() ?? [])
      expect(density.rowsSeen).toBeGreaterThan(38)
    expect(models[0]?.rowsSeen).toBe(719)
  })

  it('learns online, and takes up a group when it has enough rows', async () => {
    const late = clouds(500, (row) => (row >= 200 && row % 2 === 0 ? 'late' : 'a'))
    const out = await run(flowIn(31, { bounded: false, of: late }), byLabel)
    const scores = numbers(out, 'label_familiarity')
    const of = (label: string): number[] =>
      [...column(late, 'label')].flatMap((l, row) => (l === label ? [row] : []))
    // The warm-up ends at row 150; 64 rows a window, half of them late from row 200 on.
    const first = of('late').find((row) => scores[row] !== null) ?? NaN
    expect(first).toBeGreaterThanOrEqual(200 + 2 * 40)
    expect(first).toBeLessThan(200 + 2 * 40 + 65)
    expect(of('late').filter((row) => row > first && scores[row] === null)).toEqual([])
    const versions = [...column(out, 'label_familiarity_model_rows')] as (bigint | null)[]
    expect(versions[151]).toBe(150n)
    expect(versions[200]).toBeNull()
  })

  it('takes a strategy of one’s own, with percentiles', async () => {
    const save = join(folder, 'own')
    const fitted = await run(flowIn(50), { strategy: meanDistance, save })
    const scores = numbers(fitted, 'familiarity')
    const valid = rowsWhere((_, row) => row !== 5)
    const mean = valid.reduce((sum, row) => sum + (scores[row] ?? 0), 0) / valid.length
    expect(mean).toBeLessThan(-10)
    const rank = (row: number): number =>
      (100 * valid.filter((other) => (scores[other] ?? 0) <= (scores[row] ?? 0)).length) /
      valid.length
    const percentile = numbers(fitted, 'familiarity_percentile')
    for (const row of valid)
      expect(Math.abs((percentile[row] ?? NaN) - rank(row))).toBeLessThan(0.3)

    const frozen = await run(flowIn(9), { strategy: meanDistance, model: save })
    expect(numbers(frozen, 'familiarity_percentile')[5]).toBeNull()
    numbers(frozen, 'familiarity').forEach((score, row) => {
      if (row !== 5) expect(score).toBeCloseTo(scores[row] ?? NaN, 9)
    })
    await expect(run(flowIn(9), { model: save })).rejects.toThrow(
      'Expected densities of strategy `gmm`, got those of "mean-distance"',
    )
  })

  it('scores each row by the density of its own group alone', async () => {
    let applied = 0
    const counting: FamiliarityStrategy = {
      ...meanDistance,
      make: (size) => {
        const model = meanDistance.make(size)
        const apply = model.apply.bind(model)
        model.apply = (part) => {
          applied += part.rows
          return apply(part)
        }
        return model
      },
    }
    const options = { by: 'label', strategy: counting, minRows: 1 }
    const out = await run(flowIn(100), options)
    // Once for the percentiles, once for the answer, whatever the number of groups.
    expect(applied).toBe(2 * (500 - column(out, 'label_familiarity').nullCount))
  })

  it('measures the gaps between groups', async () => {
    const models: Familiarity[] = []
    const split = (row: number): string => (row % 2 === 0 ? 'train' : row % 3 === 0 ? 'val' : 'b')
    const of = clouds(600, split)
    const onModel = (m: Familiarity) => models.push(m)
    const strategy = { type: 'gmm', components: 1 } as const
    await run(flowIn(77, { of }), { by: 'label', gaps: true, strategy, onModel })
    const [model] = models
    expect(model?.gaps.map(({ fit, other, band }) => [fit, other, band])).toEqual([
      ['b', 'train', 'huge gap'],
      ['b', 'val', 'huge gap'],
      ['train', 'b', 'huge gap'],
      ['train', 'val', 'no gap'],
      ['val', 'b', 'huge gap'],
      ['val', 'train', 'no gap'],
    ])
    expect(model?.gaps.find(({ other }) => other === 'train')?.rows).toBe(300)
  })

  it('is refused where it does not fit, before a row is read', async () => {
    const schemaOf = (given: FamiliarityOptions) =>
      flowOf(flowIn(9).pipe(familiarity(given))).schema()
    expect((await schemaOf(byLabel))?.names).toEqual([
      ...['id', 'label', 'pca', 'label_familiarity', 'label_familiarity_percentile'],
    ])
    await expect(schemaOf({ column: 'id' })).rejects.toThrow(SchemaError)
    await expect(schemaOf({ by: 'pca' })).rejects.toThrow(SchemaError)
    await expect(schemaOf({ by: 'lable' })).rejects.toThrow('did you mean `label`?')
    await expect(schemaOf({ model: saved })).rejects.toThrow(
      'Expected familiarity to be given `by`, as its model was fitted in groups',
    )
    const all = join(folder, 'all')
    await run(flowIn(90), { save: all })
    await expect(schemaOf({ model: all, by: 'label' })).rejects.toThrow(OptionError)
  })

  it('refuses groups of fewer rows than components, and values that are not finite', async () => {
    const eighty = { type: 'gmm', components: 300 } as const
    await expect(run(flowIn(90), { ...byLabel, strategy: eighty })).rejects.toThrow(DataError)
    const type = new FixedSizeList(1, new Field('item', new Float32(), false))
    const vector = vectorFromArray([Float32Array.of(1), Float32Array.of(NaN)], type)
    const of = batchOf([textColumn('label', ['a', 'a']), { field: new Field('pca', type), vector }])
    const given = { by: 'label', minRows: 2 }
    await expect(run(flowIn(2, { of }), given)).rejects.toThrow('Expected finite numbers, got NaN')
  })

  it.each([
    [{ strategy: { type: 'gm' } }, 'got `gm`; did you mean `gmm`?'],
    [{ strategy: { type: 'gmm', covariance: 'ful' } }, 'did you mean `full`?'],
    [{ strategy: { type: 'gmm', seed: 1, component: 2 } }, 'did you mean `components`?'],
    [{ strategy: { ...meanDistance, type: 'gmm' } }, 'to have a type of its own, got `gmm`'],
    [{ minRows: 5 }, 'Expected `minRows` and `gaps` to come with `by`, which makes groups'],
    [{ gaps: true }, 'Expected `minRows` and `gaps` to come with `by`, which makes groups'],
    [{ by: '' }, 'Expected option `by` to be a non-empty string'],
    [{ by: 'label', minRows: 0 }, 'Expected option `minRows` to be a positive integer'],
    [{ label: 'label' }, 'Expected familiarity to be given only known options, got `label`'],
  ])('refuses %j', (options, message) => {
    expect(() => familiarity(options as FamiliarityOptions)).toThrow(message)
    expect(() => familiarity(options as FamiliarityOptions)).toThrow(OptionError)
  })
})
