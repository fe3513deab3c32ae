import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, Float64, RecordBatch, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drift, type DriftOptions } from '../../operators/drift.ts'
import { driftReference, type DriftReferenceOptions } from '../../operators/drift-reference.ts'
import { driftSummary, type DriftSummaryOptions } from '../../operators/drift-summary.ts'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { fixedShapeTensor } from '../../src/batch/tensor.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { Random } from '../../src/kernels/random.ts'
import { endless } from '../helpers/flows.ts'
import { flowOfBatches } from '../helpers/points.ts'
import { twoSample } from '../helpers/two-sample.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drift-test-'))
})
afterAll(async () => {
  await closeKernel()
  await rm(folder, { recursive: true })
})

interface Item {
  readonly x: number | null
  readonly label: string | null
  readonly embedding: readonly number[] | null
}

function batchesOf(items: readonly Item[], size: number): RecordBatch[] {
  const batches: RecordBatch[] = []
  const tensor = fixedShapeTensor('embedding', [3])
  const number = new Field('x', new Float64(), true)
  for (let at = 0; at < Math.max(1, items.length); at += size) {
    const rows = items.slice(at, at + size)
    const ids = rows.map((_, i) => `r${String(at + i)}`)
    const xs = rows.map(({ x }) => x)
    const places = rows.map(({ embedding }) => embedding && [...embedding])
    batches.push(
      batchOf([
        textColumn('id', ids),
        textColumn(
          'label',
          rows.map(({ label }) => label),
        ),
        { field: number, vector: vectorFromArray(xs, number.type) },
        { field: tensor, vector: vectorFromArray(places, tensor.type) },
      ]),
    )
  }
  return batches
}

/** Rows around `shift`, with nulls. */
function drawn(count: number, seed: number, shift = 0): Item[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, row) => ({
    x: row % 11 === 10 ? null : random.normal() + shift,
    label: ['a', 'b', 'b', null][row % 4] ?? null,
    embedding: row % 13 === 12 ? null : [random.normal() + shift, random.normal(), random.normal()],
  }))
}

type Row = Readonly<Record<string, unknown>>

async function rowsOut(batches: readonly RecordBatch[], operator: ReturnType<typeof drift>) {
  const flow = flowOfBatches(batches).pipe(operator, toArray())
  return (await lastValueFrom(flow)).flatMap((batch): Row[] =>
    batch.toArray().map((row): Row => ({ ...row.toJSON(), embedding: undefined })),
  )
}

async function saved(
  items: readonly Item[],
  name: string,
  options: Partial<DriftReferenceOptions> = {},
  size = 7,
): Promise<string> {
  const save = join(folder, name)
  const batches = batchesOf(items, size)
  const out = await rowsOut(
    batches,
    driftReference({ save, metric: 'euclidean', k: 3, ...options }),
  )
  expect(out.map(({ id }) => id)).toEqual(items.map((_, row) => `r${String(row)}`))
  return save
}

const summary = (items: readonly Item[], options: DriftSummaryOptions, size = 5): Promise<Row[]> =>
  rowsOut(batchesOf(items, size), driftSummary(options) as never)
const drifted = (items: readonly Item[], options: DriftOptions, size = 5): Promise<Row[]> =>
  rowsOut(batchesOf(items, size), drift(options))

const train = drawn(200, 1)

describe('driftReference', () => {
  it('saves the same whatever the batches, also where it draws', async () => {
    for (const rows of [300, 50]) {
      const [a, b] = [await saved(train, 'a', { rows }, 1), await saved(train, 'b', { rows }, 200)]
      for (const file of ['model.json', 'embedding.arrow', 'numbers_0.arrow', 'texts_0.arrow'])
        expect(await readFile(join(a, file), 'utf8')).toBe(await readFile(join(b, file), 'utf8'))
    }
    const model = JSON.parse(await readFile(join(folder, 'a', 'model.json'), 'utf8')) as unknown
    expect(model).toMatchObject({ kind: 'drift-reference', rowsSeen: 200 })
  })

  it('keeps no numbers or categories where the list is empty', async () => {
    const model = await saved(train, 'embedding alone', { columns: [], categories: [] })
    const rows = await summary(drawn(50, 2), { model })
    expect(rows.map(({ column, test }) => `${String(column)} ${String(test)}`)).toEqual([
      ...['embedding mmd', 'embedding knn'],
    ])
  })

  it('checks its options and columns', async () => {
    expect(() => driftReference({} as never)).toThrow(OptionError)
    expect(() => driftReference({ save: 'x', rows: 0 })).toThrow(OptionError)
    await expect(saved(train, 'c', { columns: ['label'] })).rejects.toThrow(SchemaError)
    await expect(saved(train, 'c', { categories: ['class'] })).rejects.toThrow(SchemaError)
    const notes = batchOf([textColumn('id', ['a']), textColumn('note', ['b'])])
    await expect(rowsOut([notes], driftReference({ save: join(folder, 'c') }))).rejects.toThrow(
      new SchemaError(
        'Expected numbers, `label` or `embedding` for driftReference to compare by, got columns id, note: name others in `categories` or `embedding`',
        { column: 'embedding' },
      ),
    )
  })
})

describe('driftSummary', () => {
  it('compares the columns that are named, which need be there alone', async () => {
    const model = await saved(train, 'named')
    const all = await summary(drawn(50, 2), { model, correction: 'none' })
    const some = { model, correction: 'none', columns: ['x', 'label'] } as const
    const named = all.filter(({ column }) => column === 'x' || column === 'label')
    expect(named).toHaveLength(2)
    expect(await summary(drawn(50, 2), some)).toEqual(named)
    const narrow = batchesOf(drawn(50, 2), 5).map((batch) => batch.select(['id', 'x', 'label']))
    expect(await rowsOut(narrow, driftSummary(some) as never)).toEqual(named)
    await expect(rowsOut(narrow, driftSummary({ model, columns: ['z'] }))).rejects.toThrow(
      'Expected `columns` to be of the reference, got `z`; it has x, label, embedding',
    )
  })

  it('gives per column what scipy says, and adjusts it', async () => {
    const { x, y, ...expected } = twoSample.pairs[
      '101 and 60, ties'
    ] as (typeof twoSample.pairs)[string]
    const [own, other] = [x, y].map((values) =>
      values.map((value, row): Item => ({ x: value, label: row % 2 ? 'a' : 'b', embedding: null })),
    ) as [Item[], Item[]]
    const model = await saved(own, 'scipy', { categories: ['label'], columns: ['x'] })
    const tests = ['ks', 'cvm', 'psi', 'chi-square'] as const
    const rows = await summary(other, { model, tests, correction: 'bonferroni' })
    const numbers = rows.map(({ column, test, statistic, p_value, adjusted_p, drifted }) => [
      ...[column, test, statistic, p_value, adjusted_p, drifted],
    ])
    const near = (value: number) => expect.closeTo(value, 7) as number
    expect(numbers).toEqual([
      ...(['ks', 'cvm', 'psi'] as const).map((test) => {
        const [statistic, p] = expected[test]
        return ['x', test, near(statistic), near(p), near(Math.min(1, 4 * p)), 4 * p < 0.05]
      }),
      // scipy 1.10.1: chi2_contingency([[51, 50], [30, 30]], correction=False)
      ['label', 'chi-square', near(0.00368995), near(0.95156231), 1, false],
    ])
    expect(rows[0]).toMatchObject({ window: 0, from_id: 'r0', to_id: 'r59', rows: 60, values: 60 })
  })

  it('finds what is shifted and not what is drawn alike, whatever the batches', async () => {
    const model = await saved(train, 'shifted')
    const items = [...drawn(60, 2), ...drawn(60, 3, 1), ...drawn(20, 4)]
    const options = { model, windowRows: 60, permutations: 199 }
    const rows = await summary(items, options, 60)
    const found = rows.map(({ window, rows: n, column, test, drifted: is }) => [
      window,
      n,
      column,
      test,
      is,
    ])
    expect(found).toEqual(
      [0, 1, 2].flatMap((window) =>
        [
          ['x', 'ks'],
          ['label', 'chi-square'],
          ['embedding', 'mmd'],
          ['embedding', 'knn'],
        ].map(([column, test]) => [
          ...[window, window === 2 ? 20 : 60, column, test, window === 1 && column !== 'label'],
        ]),
      ),
    )
    for (const size of [1, 7]) expect(await summary(items, options, size)).toEqual(rows)
  })

  it('tests a sample of a flow that is one window', async () => {
    const model = await saved(train, 'sample')
    const rows = await summary(drawn(300, 5, 2), { model, rows: 100, tests: ['ks'] })
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ rows: 300, to_id: 'r299', drifted: true })
    expect(Number(rows[0]?.['values'])).toBeLessThanOrEqual(100)
    expect(await summary([], { model })).toEqual([])
  })

  it('says nothing where there are no values', async () => {
    const model = await saved(train, 'nothing')
    const items = train.slice(0, 3).map((): Item => ({ x: NaN, label: 'a', embedding: null }))
    const rows = await summary(items, { model })
    const nothing = { statistic: null, p_value: null, adjusted_p: null, drifted: null, values: 0 }
    for (const test of ['ks', 'mmd', 'knn'])
      expect(rows.find((row) => row['test'] === test)).toMatchObject(nothing)
    expect(rows.find((row) => row['test'] === 'chi-square')).toMatchObject({ drifted: true })
  })
})

describe('drift', () => {
  it('carries the result of the window before, whatever the batches', async () => {
    const model = await saved(train, 'rows')
    const items = [...drawn(40, 6), ...drawn(40, 7, 2), ...drawn(45, 8)]
    const options = { model, windowRows: 40, permutations: 99 }
    const rows = await drifted(items, options, 125)
    const last = rows.map(({ drift_window, drift: is }) => [drift_window, is])
    expect(last).toEqual([
      ...Array<unknown>(40).fill([null, null]),
      ...Array<unknown>(40).fill([0, false]),
      ...Array<unknown>(40).fill([1, true]),
      ...Array<unknown>(5).fill([2, false]),
    ])
    const windows = await summary(items, { ...options })
    const smallest = windows
      .filter((row) => row['window'] === 1)
      .map((row) => Number(row['adjusted_p']))
    expect(rows[80]?.['drift_p']).toBe(Math.min(...smallest))
    for (const size of [1, 7]) expect(await drifted(items, options, size)).toEqual(rows)
  })

  it('says how far embeddings are: of the mean of 3 distances, among those of the reference', async () => {
    const line = [0, 1, 2, 3, 10].map((x): Item => ({ x: 0, label: 'a', embedding: [x, 0, 0] }))
    // Of each the mean to its 3 nearest others: 2, 4/3, 4/3, 2, 8.
    const model = await saved(line, 'line')
    const [near, far, same, none] = await drifted(
      [1.5, 20, 13, null].map((x): Item => ({
        x: 0,
        label: 'a',
        embedding: x === null ? null : [x, 0, 0],
      })),
      { model },
    )
    expect(near).toMatchObject({ ood_distance: 2.5 / 3, ood_percentile: 0, ood_p: 1 })
    expect(far).toMatchObject({ ood_distance: 15, ood_percentile: 100, ood_p: 1 / 6 })
    // As far as the farthest of the reference: 3, 10 and 11.
    expect(same).toMatchObject({ ood_distance: 8, ood_percentile: 100, ood_p: 2 / 6 })
    expect(none).toMatchObject({ ood_distance: null, ood_percentile: null, ood_p: null })
  })

  it('has the columns that its schema says, without embeddings none of theirs', async () => {
    const model = await saved(train, 'plain', { columns: ['x'] })
    const batches = batchesOf(train, 50)
    const flow = flowOf(flowOfBatches(batches).pipe(drift({ model })))
    const [batch] = await lastValueFrom(flow.pipe(toArray()))
    expect(String(await flow.schema())).toBe(String(batch?.schema))
    expect(batch?.schema.names).toContain('ood_p')
    const [row] = await drifted(train.slice(0, 1), { model: await withoutEmbedding() })
    expect(Object.keys(row ?? {}).slice(4, 7)).toEqual(['drift_window', 'drift', 'drift_p'])
  })

  it('refuses another schema, other options and a damaged reference', async () => {
    const model = await saved(train, 'refuse')
    expect(() => drift({ model, windowRows: 0 })).toThrow(OptionError)
    expect(() => drift({ model, tests: ['t' as never] })).toThrow(OptionError)
    expect(() => driftSummary({ model, tests: [] })).toThrow(OptionError)
    expect(() => endless().pipe(driftSummary({ model }))).toThrow(OptionError)
    const nameless = flowOfBatches(
      batchesOf(train, 200).map((batch) => batch.select(['label', 'x', 'embedding'])),
    )
    for (const operator of [drift({ model }), driftSummary({ model })])
      await expect(flowOf(nameless.pipe(operator)).schema()).rejects.toThrow(
        'Expected column `id` for drift',
      )
    const other = [batchOf([textColumn('id', ['a'])])]
    await expect(rowsOut(other, drift({ model }))).rejects.toThrow(SchemaError)
    await writeFile(join(model, 'distances.arrow'), 'x')
    await expect(drifted(train, { model })).rejects.toThrow(DataError)
  })
})

async function withoutEmbedding(): Promise<string> {
  const save = join(folder, 'without')
  const batches = batchesOf(train, 50).map((batch) => batch.select(['id', 'label', 'x']))
  await rowsOut(batches, driftReference({ save }))
  return save
}
