import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, Float32, Int64, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outliers, type OutliersOptions } from '../../operators/outliers.ts'
import {
  batchOf,
  column,
  concat,
  float64Column,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import type { OutlierModel } from '../../src/models/outlier-model.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outliers-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** 600 rows; `mean` around .5, in label `dark` around .1; what is odd is set by hand. */
function pictures(count = 600): RecordBatch {
  let state = 5
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const labels = Array.from({ length: count }, (_, row) =>
    row % 3 === 0 ? 'dark' : row % 50 === 7 ? 'few' : row % 20 === 1 ? null : 'light',
  )
  const noise = Float64Array.from({ length: count }, () => next() + next() + next() - 1.5)
  const mean = noise.map((x, row) => (labels[row] === 'dark' ? 0.1 : 0.5) + 0.04 * x)
  const sharpness = Float64Array.from({ length: count }, () => 30 + 10 * (next() + next()))
  // Common in the set, not under its label.
  mean[300] = 0.5
  ;[mean[10], mean[11], mean[12]] = [NaN, 7, Infinity]
  ;[sharpness[11], sharpness[20]] = [-900, 900]
  return batchOf([
    textColumn(
      'id',
      Array.from({ length: count }, (_, row) => String(row)),
    ),
    textColumn('label', labels),
    int32Column(
      'width',
      Array.from({ length: count }, (_, row) => (row % 9 === 4 ? null : row === 41 ? 9000 : 640)),
    ),
    float64Column('mean', mean),
    float64Column('sharpness', sharpness),
  ])
}

const rows = pictures()

function flowIn(size: number, { bounded = true, of = rows } = {}): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < of.numRows; at += size)
        yield await Promise.resolve(of.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded, schema: () => of.schema },
  )
}

interface Answer {
  readonly metrics: readonly string[]
  readonly values: readonly number[]
  readonly bounds: readonly number[]
  readonly reasons: readonly string[]
  readonly score: number | null
}

async function answers(flow: Flow<RecordBatch>, options: OutliersOptions): Promise<Answer[]> {
  const out = concat(await lastValueFrom(flow.pipe(outliers(options), toArray())))
  expect(out.getChild('id')?.toJSON()).toEqual(column(rows, 'id').toJSON().slice(0, out.numRows))
  function list(row: number, name: string): never {
    return [...(column(out, `outlier_${name}`).get(row) as Iterable<unknown>)] as never
  }
  return Array.from({ length: out.numRows }, (_, row) => ({
    ...{ metrics: list(row, 'metrics'), values: list(row, 'values') },
    ...{ bounds: list(row, 'bounds'), reasons: list(row, 'reasons') },
    score: column(out, 'outlier_score').get(row) as number | null,
  }))
}

/** The reasons of rows that have one. */
function reasonsOf(found: readonly Answer[]): Record<string, readonly string[]> {
  return Object.fromEntries(
    found.flatMap(({ reasons }, row) => (reasons.length > 0 ? [[row, reasons]] : [])),
  )
}

const learning = { warmupRows: 100, windowRows: 64 }

describe('outliers', () => {
  let saved: string
  beforeAll(async () => {
    saved = join(folder, 'saved')
    await answers(flowIn(600), { by: 'label', save: saved })
  })
  const modes: readonly [string, (size: number) => Promise<Answer[]>][] = [
    ['fit', (size) => answers(flowIn(size), { by: 'label' })],
    ['online', (size) => answers(flowIn(size, { bounded: false }), { by: 'label', ...learning })],
    ['frozen', (size) => answers(flowIn(size), { model: saved })],
  ]
  for (const [mode, answer] of modes)
    it(`gives the same in mode ${mode}, however the rows are batched`, async () => {
      const whole = await answer(600)
      expect(whole.filter(({ metrics }) => metrics.length > 0).length).toBeGreaterThan(3)
      for (const size of [1, 2, 77]) expect(await answer(size)).toEqual(whole)
    })

  it('says what is unusual, by how much, beyond which bound, the most extreme first', async () => {
    const found = await answers(flowIn(100), { method: 'zscore', log: [] })
    expect(reasonsOf(found)).toEqual({
      11: ['lighter than all others of the set', 'blurrier than all others of the set'],
      20: ['sharper than all others of the set'],
      41: ['wider than all others of the set'],
    })
    const [mean, sharpness] = ['mean', 'sharpness'].map((name) =>
      [...(column(rows, name) as Iterable<number>)].filter(Number.isFinite),
    ) as [number[], number[]]
    const [m, s] = [momentsOf(mean), momentsOf(sharpness)]
    expect(found[11]).toMatchObject({ metrics: ['mean', 'sharpness'], values: [7, -900] })
    expect(found[11]?.bounds[0]).toBeCloseTo(m.mean + 3 * m.deviation, 12)
    expect(found[11]?.bounds[1]).toBeCloseTo(s.mean - 3 * s.deviation, 12)
    expect(found[11]?.score).toBeCloseTo((7 - m.mean) / m.deviation - 3, 9)
    expect(found.every(({ score, metrics }) => (score ?? -1) > 0 === metrics.length > 0)).toBe(true)
  })

  it('compares ratios where they count, and tells bounds as values', async () => {
    const size = Float64Array.from(
      { length: 200 },
      (_, i) => 100 * 2 ** (((i * 37) % 101) / 50 - 1),
    )
    ;[size[5], size[6], size[7]] = [0, 3, 9_000]
    const id = textColumn(
      'id',
      Array.from(size, (_, i) => String(i)),
    )
    const logs = size.map((value) => Math.log(Math.max(value, 1e-6)))
    async function found(values: Float64Array, options: OutliersOptions): Promise<Answer[]> {
      return answers(flowIn(50, { of: batchOf([id, float64Column('size', values)]) }), options)
    }
    const byRatio = await found(size, {})
    const byLog = await found(logs, { log: [] })
    expect(byRatio.flatMap(({ metrics }, row) => (metrics.length > 0 ? [row] : []))).toEqual([
      5, 6, 7,
    ])
    expect(byRatio.map(({ reasons, score }) => [reasons, score])).toEqual(
      byLog.map(({ reasons, score }) => [reasons, score]),
    )
    expect(byRatio[6]?.values).toEqual([3])
    expect(byRatio[6]?.bounds[0]).toBeCloseTo(Math.exp(byLog[6]?.bounds[0] ?? NaN), 9)
    const values = { thresholds: { size: { lower: 3.5, upper: 1e4 } } }
    expect(reasonsOf(await found(size, values))).toEqual({
      5: ['smaller than all others of the set'],
      6: ['smaller than 99 % of the set'],
    })
    await expect(found(size, { log: ['sise'] })).rejects.toThrow('got one of `sise`; did you mean')
  })

  it('leaves out what is neither near nor far, unless it is named', async () => {
    const channels = int32Column(
      'channels',
      Array.from({ length: 99 }, (_, i) => (i === 3 ? 1 : 3)),
    )
    const mean = float64Column(
      'mean',
      Float64Array.from({ length: 99 }, (_, i) => (i * 7) % 5),
    )
    const of = batchOf([textColumn('id', channels.vector.toJSON().map(String)), channels, mean])
    async function flagged(options: OutliersOptions): Promise<unknown[]> {
      const out = await lastValueFrom(flowIn(99, { of }).pipe(outliers(options), toArray()))
      return out.flatMap((b) =>
        [...column(b, 'outlier_metrics')].flatMap((list) => [...(list as [])]),
      )
    }
    expect(await flagged({})).toEqual([])
    expect(await flagged({ columns: ['channels'] })).toEqual(['channels'])
  })

  it('ranks exactly, rounds down, and never says all of what is not', async () => {
    const x = Float64Array.from({ length: 1999 }, (_, i) => i % 1000)
    const of = batchOf([
      textColumn(
        'id',
        Array.from(x, (_, i) => String(i)),
      ),
      float64Column('x', x),
    ])
    const out = await lastValueFrom(
      flowIn(500, { of }).pipe(
        outliers({ columns: ['x'], thresholds: { x: { lower: 1, upper: 997.5 } } }),
        toArray(),
      ),
    )
    const reasons = new Map(
      out.flatMap((batch) =>
        [...column(batch, 'outlier_reasons')].flatMap((list, row) =>
          [...(list as Iterable<string>)].map((reason): [number, string] => [
            column(batch, 'x').get(row) as number,
            reason,
          ]),
        ),
      ),
    )
    expect(Object.fromEntries(reasons)).toEqual({
      // 1,997 of 1,999 rows are above both zeros; 1,996 below both 998, 1,998 below the one 999.
      0: 'lower in x than 99.8 % of the set',
      998: 'higher in x than 99.8 % of the set',
      999: 'higher in x than all others of the set',
    })
  })

  it('holds rows against their label, and those of small ones against all', async () => {
    const all = await answers(flowIn(64), { columns: ['mean'] })
    const own = await answers(flowIn(64), { columns: ['mean'], by: 'label' })
    expect(all[300]?.reasons).toEqual([])
    expect(own[300]?.reasons).toEqual(['lighter than all others of its label'])
    const dark = await answers(flowIn(64), { columns: ['mean'], by: 'label', minRows: 1000 })
    expect(dark).toEqual(all)
    // `few` has 8 rows, and row 1 no label.
    for (const row of [7, 1]) expect(own[row]).toEqual(all[row])
  })

  it('learns online as it goes, and agrees with the fit on what is far off', async () => {
    const flow = flowIn(31, { bounded: false })
    const out = concat(await lastValueFrom(flow.pipe(outliers({ ...learning }), toArray())))
    const versions = column(out, 'outlier_model_rows').toJSON() as bigint[]
    expect([versions[0], versions[163], versions[164], versions[599]]).toEqual([
      100n,
      100n,
      164n,
      548n,
    ])
    const online = await answers(flowIn(31, { bounded: false }), {
      ...learning,
      method: 'modified-zscore',
    })
    const fitted = await answers(flowIn(31), { method: 'modified-zscore' })
    for (const row of [11, 20, 41]) expect(online[row]?.metrics).toEqual(fitted[row]?.metrics)
  })

  it('scores new rows by a frozen model as it scored those it was fitted on', async () => {
    const models: OutlierModel[] = []
    const onModel = (model: OutlierModel): unknown => models.push(model)
    const fitted = await answers(flowIn(50), { by: 'label', onModel })
    expect(models[0]?.rowsSeen).toBe(600)
    for (const model of [saved, models[0] as OutlierModel]) {
      const frozen = await answers(flowIn(77), { model })
      expect(frozen.map(withoutReasons)).toEqual(fitted.map(withoutReasons))
      // It was one of them; now there is one as light in the model.
      expect(frozen[300]?.reasons).toEqual(['lighter than 99.4 % of its label'])
    }
  })

  it('measures nothing in nulls, what is not finite, and constant columns', async () => {
    const found = await answers(flowIn(50), { columns: ['mean'] })
    expect([found[10]?.score, found[12]?.score]).toEqual([null, null])
    expect([found[10]?.metrics, found[12]?.metrics]).toEqual([[], []])
    const ones = Array.from({ length: 12 }, () => 1)
    const of = batchOf([
      textColumn(
        'id',
        ones.map((_, i) => String(i)),
      ),
      float64Column('mean', Float64Array.from(ones)),
    ])
    const constant = await answers(flowIn(5, { of }), {})
    expect(constant.every(({ metrics, score }) => metrics.length === 0 && score === null)).toBe(
      true,
    )
  })

  it.each(['fit', 'online'] as const)(
    'has no place for −∞ among ratios, in mode %s',
    async (mode) => {
      const bytes = Float64Array.from({ length: 60 }, (_, i) => 900 + i)
      ;[bytes[5], bytes[6]] = [-Infinity, Infinity]
      const of = batchOf([
        textColumn(
          'id',
          [...bytes].map((_, i) => String(i)),
        ),
        float64Column('bytes', bytes),
      ])
      const found = await answers(flowIn(25, { of }), { mode })
      expect([found[5]?.score, found[6]?.score]).toEqual([null, null])
      expect(found.every(({ metrics }) => metrics.length === 0)).toBe(true)
    },
  )

  it('takes numbers of any type', async () => {
    const values = Array.from({ length: 40 }, (_, i) => (i === 3 ? null : i === 9 ? 1000 : i % 5))
    const of = batchOf([
      textColumn(
        'id',
        values.map((_, i) => String(i)),
      ),
      float64Column(
        'f',
        Float64Array.from(values, (v) => v ?? NaN),
      ),
      {
        field: new Field('g', new Float32(), true),
        vector: vectorFromArray(values, new Float32()),
      },
      {
        field: new Field('n', new Int64(), true),
        vector: vectorFromArray(
          values.map((v) => (v === null ? null : BigInt(v))),
          new Int64(),
        ),
      },
    ])
    const found = await answers(flowIn(7, { of }), { columns: ['f', 'g', 'n'] })
    expect(found[9]?.metrics).toEqual(['f', 'g', 'n'])
    expect(found.filter(({ metrics }) => metrics.length > 0)).toHaveLength(1)
  })

  it('is refused where it does not fit, before a row is read', async () => {
    const schemaOf = (given: OutliersOptions, flow = flowIn(9)) =>
      flowOf(flow.pipe(outliers(given))).schema()
    expect((await schemaOf({}))?.names.slice(5)).toEqual([
      ...[
        'outlier_metrics',
        'outlier_values',
        'outlier_bounds',
        'outlier_reasons',
        'outlier_score',
      ],
    ])
    await expect(schemaOf({ columns: ['label'] })).rejects.toThrow(SchemaError)
    await expect(schemaOf({ by: 'lable' })).rejects.toThrow('did you mean `label`?')
    await expect(schemaOf({ thresholds: { means: 3 } })).rejects.toThrow('did you mean `mean`?')
    const none = flowIn(9, { of: batchOf([textColumn('id', ['a'])]) })
    await expect(schemaOf({}, none)).rejects.toThrow('such as `brightness`, got columns id')
    await expect(schemaOf({ model: saved }, none)).rejects.toThrow(SchemaError)
    await expect(schemaOf({ model: folder })).rejects.toThrow(DataError)
    expect(() => flowIn(9, { bounded: false }).pipe(outliers({ mode: 'fit' }))).toThrow(OptionError)
  })

  it.each([
    [
      { threshold: 0 },
      'Expected option `threshold` to be a number above 0, a list of two (below and above, null for none), got 0',
    ],
    [{ threshold: { upper: 3 } }, 'null for none), got {"upper":3}'],
    [{ thresholds: { mean: [1] } }, 'or an object of values, `lower` up to `upper`, got [1]'],
    [{ thresholds: { mean: { lower: 2, upper: 1 } } }, 'got {"lower":2,"upper":1}'],
    [{ thresholds: { mean: {} } }, 'Expected option `thresholds.mean`'],
    [
      { thresholds: 3 },
      'Expected option `thresholds` to be an object of thresholds by metric, got a number',
    ],
    [{ columns: ['mean'], thresholds: { man: 3 } }, 'got one of `man`; did you mean `mean`?'],
    [{ method: 'zscor' }, 'did you mean `zscore`?'],
    [{ model: 'm', method: 'iqr' }, 'Expected no option `method` beside `model`, which has it'],
    [{ model: 'm', save: 'x' }, 'Expected no option `save` beside `model`, which learns nothing'],
    [{ seed: 1 }, 'Expected outliers to be given only known options, got `seed`'],
    [{ by: 'label', minRows: 0 }, 'Expected option `minRows` to be a positive integer'],
    [{ minRows: 5 }, 'Expected `minRows` to come with `by`, which makes groups'],
  ])('refuses %j', (options, message) => {
    expect(() => outliers(options as OutliersOptions)).toThrow(message)
  })
})

function momentsOf(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / values.length) }
}

function withoutReasons({ metrics, values, bounds, score }: Answer): unknown {
  return { metrics, values, bounds, score }
}
