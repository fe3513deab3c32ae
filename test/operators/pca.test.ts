import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Field,
  FixedSizeList,
  Float32,
  Float64,
  type RecordBatch,
  vectorFromArray,
} from 'apache-arrow'
import { lastValueFrom, type Observable, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pca, type PcaColumnOptions } from '../../operators/pca.ts'
import { batchOf, column, concat, textColumn, withColumns } from '../../src/batch/batch.ts'
import { Barrier, Rejects } from '../../src/flow/control.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import type { Pca } from '../../src/models/pca.ts'
import { Run } from '../../src/run/run-state.ts'
import { tensorColumn, tensorValues } from '../../src/batch/tensor.ts'
import { countsOf, runFrom } from '../helpers/runs.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pca-test-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await closeKernel()
})

const columns = 6
/** Rows on a tilted plane with noise; row 3 and every hundredth are null. */
const rows = noisyPlane(700)
const schema = rows.schema
const signal = new AbortController().signal

function noisyPlane(count: number): RecordBatch {
  let state = 7
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5
  const values = Array.from({ length: count }, (_, row) => {
    if (row === 3 || row % 100 === 99) return null
    const [a, b] = [10 * random(), 4 * random()]
    return Float32Array.from(
      { length: columns },
      (_, j) => a * (j + 1) + b * (j % 2) + random() / 10,
    )
  })
  const type = new FixedSizeList(columns, new Field('item', new Float32(), false))
  const ids = textColumn(
    'id',
    values.map((_, row) => `row-${String(row)}`),
  )
  return batchOf([
    ids,
    { field: new Field('embedding', type, true), vector: vectorFromArray(values, type) },
  ])
}

function flowIn(
  size: number,
  { bounded = true, of = rows }: { bounded?: boolean; of?: RecordBatch } = {},
): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < of.numRows; at += size)
        yield await Promise.resolve(of.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded, schema: () => of.schema },
  )
}

async function run(
  source: Observable<RecordBatch>,
  options: PcaColumnOptions,
): Promise<RecordBatch> {
  return concat(await lastValueFrom(source.pipe(pca(options), toArray())))
}

describe('pca', () => {
  const modes: readonly [string, (size: number) => Promise<RecordBatch>][] = [
    ['fit', (size) => run(flowIn(size), { components: 2 })],
    [
      'online',
      (size) =>
        run(flowIn(size, { bounded: false }), { components: 2, warmupRows: 50, windowRows: 64 }),
    ],
    ['frozen', async (size) => run(flowIn(size), { model: await fittedModel() })],
  ]
  for (const [mode, answer] of modes)
    it(`gives the same bytes in mode ${mode}, however the rows are batched`, async () => {
      const whole = await answer(700)
      expect(whole.numRows).toBe(700)
      expect([...column(whole, 'id')]).toEqual([...column(rows, 'id')])
      expect(column(whole, 'pca').isValid(3)).toBe(false)
      expect(column(whole, 'pca').nullCount).toBe(8)
      for (const size of [1, 37, 256]) {
        const out = await answer(size)
        expect(bits(out)).toEqual(bits(whole))
      }
    })

  it('fits all rows, then emits them: the scores have the variances of the components', async () => {
    let model: Pca | undefined
    const out = await run(flowIn(90), { components: 2, onModel: (m) => (model = m) })
    expect(model?.rowsSeen).toBe(692)
    expect(out.schema.names).toEqual(['id', 'embedding', 'pca'])
    const scores = validScores(out, 2)
    for (const j of [0, 1]) {
      const values = scores.filter((_, i) => i % 2 === j)
      const mean = values.reduce((a, b) => a + b) / values.length
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1)
      expect(mean).toBeCloseTo(0, 4)
      expect(variance / (model?.explainedVariance[j] ?? 0)).toBeCloseTo(1, 5)
    }
    expect(model?.explainedVarianceRatio[0]).toBeGreaterThan(0.9)
  })

  it('scores online with the model as it was before the window, and says which', async () => {
    const models: number[] = []
    const out = await run(flowIn(33, { bounded: false }), {
      components: 2,
      warmupRows: 50,
      windowRows: 64,
      onModel: (m) => models.push(m.rowsSeen),
    })
    expect(out.schema.names).toEqual(['id', 'embedding', 'pca', 'pca_model_rows'])
    const versions = [...column(out, 'pca_model_rows')].filter((v) => v !== null)
    const expected = Array.from({ length: 692 }, (_, i) =>
      BigInt(i < 50 ? 50 : 50 + 64 * Math.floor((i - 50) / 64)),
    )
    expect(versions).toEqual(expected)
    expect(models).toEqual([692])

    const other = await run(flowIn(700, { bounded: false, of: scrambledAfter(50 + 64) }), {
      components: 2,
      warmupRows: 50,
      windowRows: 64,
    })
    expect(validScores(other, 2).slice(0, 2 * 114)).toEqual(validScores(out, 2).slice(0, 2 * 114))
  })

  it('fits on what there is when an unbounded flow ends in the warm-up', async () => {
    const out = await run(flowIn(10, { bounded: false, of: rows.slice(0, 30) }), { components: 2 })
    expect(out.numRows).toBe(30)
    expect(column(out, 'pca_model_rows').get(0)).toBe(29n)
  })

  it('goes on online with the state that it had at a barrier', async () => {
    const options = { components: 2, warmupRows: 50, windowRows: 64 }
    const whole = await run(flowIn(700, { bounded: false }), options)
    for (const cut of [30, 50, 64, 300, 333]) {
      const barrier = new Barrier(1)
      const before = new Flow<RecordBatch>(
        async function* () {
          yield rows.slice(0, cut)
          yield await Promise.resolve(barrier)
          await new Promise(() => undefined)
        },
        { name: 'rows', role: 'source', bounded: false, schema: () => schema },
      )
      const out: RecordBatch[] = []
      for await (const value of flowOf(before.pipe(pca(options))).pull({
        signal,
        run: new Run(),
      })) {
        if (value === barrier) break
        out.push(value as RecordBatch)
      }
      const rest = flowIn(100, { bounded: false, of: rows.slice(cut) }).pipe(pca(options))
      for await (const value of flowOf(rest).pull({ signal, run: runFrom(barrier.states) }))
        out.push(value as RecordBatch)
      expect(bits(concat(out))).toEqual(bits(whole))
    }
  })

  it('saves its model, and scores other rows with it from the folder', async () => {
    const save = join(folder, 'saved')
    const fitted = await run(flowIn(300), { components: 3, whiten: true, save })
    const frozen = await run(flowIn(123), { model: save })
    const [a, b] = [validScores(fitted, 3), validScores(frozen, 3)]
    expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))))).toBeLessThan(1e-5)
    expect((await flowOf(flowIn(9).pipe(pca({ model: save }))).schema())?.names).toEqual([
      'id',
      'embedding',
      'pca',
    ])
  })

  it('keeps float64, reads another column, and replaces the one of its name', async () => {
    const type = new FixedSizeList(2, new Field('item', new Float64(), false))
    const batch = batchOf([
      {
        field: new Field('x', type, true),
        vector: vectorFromArray(
          [
            [1, 2],
            [3, 5],
            [5, 6],
          ],
          type,
        ),
      },
    ])
    const out = await run(flowIn(2, { of: batch }), { column: 'x', into: 'x' })
    expect(out.schema.names).toEqual(['x'])
    expect(String(column(out, 'x').type)).toBe('FixedSizeList[2]<Float64>')
  })

  it('has only nulls to say of nulls, and nothing of nothing', async () => {
    const nulls = rows.slice(3, 4)
    for (const bounded of [true, false]) {
      const out = await run(flowIn(1, { bounded, of: nulls }), { components: 2 })
      expect([...column(out, 'pca')]).toEqual([null])
      const none = flowIn(1, { bounded, of: rows.slice(0, 0) }).pipe(
        pca({ components: 2 }),
        toArray(),
      )
      expect(await lastValueFrom(none)).toEqual([])
    }
  })

  it('counts its rows, and passes rejects', async () => {
    const reject = { id: 'x', operator: 'decode', code: 'DAMAGED', message: 'cut', attempt: 1 }
    for (const bounded of [true, false]) {
      const context = { signal, run: new Run() }
      const source = new Flow<RecordBatch>(
        async function* () {
          yield rows.slice(0, 100)
          yield await Promise.resolve(new Rejects([reject]))
          yield rows.slice(100)
        },
        { name: 'rows', role: 'source', bounded, schema: () => schema },
      )
      let emitted = 0
      let rejected = 0
      for await (const value of flowOf(source.pipe(pca())).pull(context))
        if (value instanceof Rejects) rejected += value.rows.length
        else emitted += (value as RecordBatch).numRows
      expect([emitted, rejected]).toEqual([700, 1])
      expect(countsOf(context.run)['pca']).toMatchObject({
        rowsIn: 700,
        rowsKept: 700,
        rejected: 0,
        dropped: 0,
      })
      await context.run.close()
    }
  })

  it('is refused where it does not fit, before a row is read', async () => {
    const schemaOf = (options: PcaColumnOptions, of = rows) =>
      flowOf(flowIn(9, { of }).pipe(pca(options))).schema()
    expect(String((await schemaOf({}))?.fields.at(-1)?.type)).toBe('FixedSizeList[6]<Float32>')
    await expect(schemaOf({ components: 7 })).rejects.toThrow(
      'Expected column `embedding` of pca to have at least 7 values, got 6',
    )
    await expect(schemaOf({ column: 'id' })).rejects.toThrow(SchemaError)
    await expect(schemaOf({ column: 'embeding' })).rejects.toThrow('did you mean `embedding`?')
    const narrow = batchOf([tensorColumn('embedding', [2], Float32Array.of(1, 2))])
    await expect(schemaOf({ model: await fittedModel() }, narrow)).rejects.toThrow(
      'Expected column `embedding` of pca to have 6 values as its model does, got 2',
    )
    await expect(schemaOf({ model: join(folder, 'missing') })).rejects.toThrow(DataError)
  })

  it('checks its options at the call', () => {
    expect(() => pca({ components: 0 })).toThrow(OptionError)
    expect(() => pca({ component: 2 } as never)).toThrow('did you mean `components`?')
    expect(() => pca({ mode: 'onlin' as never })).toThrow('did you mean `online`?')
    expect(() => pca({ model: 'folder', save: 'other' })).toThrow(
      'Expected no option `save` beside `model`',
    )
    expect(() => flowIn(9, { bounded: false }).pipe(pca({ mode: 'fit' }))).toThrow(OptionError)
  })

  it('fails on a value that is not finite', async () => {
    const bad = withColumns(rows.slice(0, 2), [
      tensorColumn('embedding', [6], new Float32Array(12).fill(NaN)),
    ])
    await expect(run(flowIn(1, { of: bad }), { components: 1 })).rejects.toThrow(DataError)
  })
})

let fitting: Promise<Pca> | undefined
function fittedModel(): Promise<Pca> {
  return (fitting ??= new Promise((onModel, reject) => {
    run(flowIn(700), { components: 2, onModel }).catch(reject)
  }))
}

/** The same rows, of which those from `row` on come in another order. */
function scrambledAfter(row: number): RecordBatch {
  return concat([rows.slice(0, row + 5), rows.slice(600, 700), rows.slice(row + 5, 600)])
}

/** What was added, bit by bit. */
function bits(out: RecordBatch): unknown {
  const scores = column(out, 'pca')
  const valid = Array.from({ length: out.numRows }, (_, row) => scores.isValid(row))
  const values = tensorValues(scores)
  const versions = out.getChild('pca_model_rows')
  return {
    valid,
    values: Buffer.from(values.slice().buffer).toString('hex'),
    versions: versions && [...versions],
  }
}

function validScores(out: RecordBatch, width: number): number[] {
  const scores = column(out, 'pca')
  return [...tensorValues(scores)].filter((_, i) => scores.isValid(Math.floor(i / width)))
}
