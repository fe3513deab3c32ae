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
import { lastValueFrom, type MonoTypeOperatorFunction, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batchOf, column, concat, textColumn, withColumns } from '../../src/batch/batch.ts'
import { tensorColumn, tensorValues } from '../../src/batch/tensor.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { Random } from '../../src/kernels/random.ts'
import type { MappedOptions } from '../../src/learn/mapped.ts'
import type { LayoutProgress } from '../../src/models/layout.ts'
import type { SampleMap } from '../../src/models/sample-map.ts'

type Options = MappedOptions & { readonly sampleRows?: number }

const columns = 6
const clusters = 3
/** Three clusters in turn; every 20th row is null. */
const rows = clustered(120)

function clustered(count: number): RecordBatch {
  const random = new Random(3)
  const values = Array.from({ length: count }, (_, row) => {
    const all = Float32Array.from(
      { length: columns },
      (_, i) => (i === row % clusters ? 20 : 0) + random.normal(),
    )
    return row % 20 === 19 ? null : all
  })
  const type = new FixedSizeList(columns, new Field('item', new Float32(), false))
  const vector = vectorFromArray(values, type)
  const ids = values.map((_, row) => `row-${String(row)}`)
  return batchOf([textColumn('id', ids), { field: new Field('embedding', type, true), vector }])
}

function flowIn(size: number, { bounded = true, of = rows } = {}): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < of.numRows; at += size)
        yield await Promise.resolve(of.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded, schema: () => of.schema },
  )
}

/** Tests of an operator that maps rows by a sample; `quick` makes its layouts short. */
export function mapsRows(
  name: string,
  operator: (options?: Options) => MonoTypeOperatorFunction<RecordBatch>,
  quick: object,
): void {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `${name}-test-`))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await closeKernel()
  })

  async function run(source: Flow<RecordBatch>, options: Options = {}): Promise<RecordBatch> {
    const out = source.pipe(operator({ ...quick, ...options }), toArray())
    return concat(await lastValueFrom(out))
  }
  const schemaOf = (options: Options, of = rows) =>
    flowOf(flowIn(9, { of }).pipe(operator({ ...quick, ...options }))).schema()

  /** The points, null where there is none. */
  function pointsOf(out: RecordBatch): (readonly number[] | null)[] {
    const points = column(out, name)
    const values = tensorValues(points)
    return Array.from({ length: out.numRows }, (_, row) =>
      points.isValid(row) ? [...values.subarray(2 * row, 2 * row + 2)] : null,
    )
  }

  describe(name, () => {
    const modes: readonly [string, (size: number) => Promise<RecordBatch>][] = [
      ['fit', (size) => run(flowIn(size))],
      [
        'online',
        (size) => run(flowIn(size, { bounded: false }), { warmupRows: 50, windowRows: 16 }),
      ],
      ['frozen', async (size) => run(flowIn(size), { model: await fitted() })],
    ]
    it.each(modes)('gives the same in mode %s, however the rows are batched', async (_, answer) => {
      const whole = await answer(120)
      expect([...column(whole, 'id')]).toEqual([...column(rows, 'id')])
      const points = pointsOf(whole)
      expect(points.flatMap((point, row) => (point ? [] : [row]))).toEqual([
        ...[19, 39, 59, 79, 99, 119],
      ])
      for (const size of [1, 37]) expect(pointsOf(await answer(size))).toEqual(points)
    })

    it('keeps clusters together and apart, of the sample and of rows beyond it', async () => {
      for (const sampleRows of [1000, 60]) {
        const points = pointsOf(await run(flowIn(50), { sampleRows }))
        for (const [row, point] of points.entries()) {
          if (!point) continue
          const others = points.flatMap((other, at) =>
            other && at !== row
              ? [{ at, distance: Math.hypot(...other.map((x, i) => x - (point[i] ?? NaN))) }]
              : [],
          )
          const [nearest] = others.toSorted((a, b) => a.distance - b.distance)
          expect((nearest?.at ?? -1) % clusters).toBe(row % clusters)
        }
      }
    })

    it('maps the first rows online, and the rest on that map', async () => {
      let model: SampleMap | undefined
      const options = { warmupRows: 50, windowRows: 16, onModel: (m: SampleMap) => (model = m) }
      const out = await run(flowIn(33, { bounded: false }), options)
      expect(out.schema.names).toEqual(['id', 'embedding', name, `${name}_model_rows`])
      const versions = [...column(out, `${name}_model_rows`)].filter((v) => v !== null)
      expect(new Set(versions)).toEqual(new Set([50n]))
      expect(pointsOf(await run(flowIn(33), { model: model as SampleMap }))).toEqual(pointsOf(out))
    })

    it('saves its map, and places other rows on it from the folder', async () => {
      const save = join(folder, 'saved')
      const out = await run(flowIn(50), { save, sampleRows: 60 })
      expect(pointsOf(await run(flowIn(7), { model: save }))).toEqual(pointsOf(out))
    })

    it('keeps float64, has other dimensions, and tells its progress', async () => {
      const type = new FixedSizeList(3, new Field('item', new Float64(), false))
      const values = Array.from({ length: 9 }, (_, row) => [row, (row * 7) % 5, row % 2])
      const field = new Field('x', type, true)
      const of = batchOf([{ field, vector: vectorFromArray(values, type) }])
      const told: LayoutProgress[] = []
      const out = await run(flowIn(2, { of }), {
        ...{ column: 'x', into: 'at', dimensions: 3, metric: 'cosine' },
        onProgress: (progress) => told.push(progress),
      })
      expect(String(column(out, 'at').type)).toBe('FixedSizeList[3]<Float64>')
      expect(told.at(-1)?.done).toBe(told[0]?.total)
    })

    it('has only nulls to say of nulls, and nothing of nothing', async () => {
      const out = await run(flowIn(1, { of: rows.slice(19, 20) }))
      expect(pointsOf(out)).toEqual([null])
      const none = flowIn(1, { of: rows.slice(0, 0) }).pipe(operator(quick), toArray())
      expect(await lastValueFrom(none)).toEqual([])
    })

    it('is refused where it does not fit, before a row is read', async () => {
      expect(String((await schemaOf({}))?.fields.at(-1)?.type)).toBe('FixedSizeList[2]<Float32>')
      await expect(schemaOf({ column: 'id' })).rejects.toThrow(SchemaError)
      await expect(schemaOf({ column: 'embeding' })).rejects.toThrow('did you mean `embedding`?')
      await expect(schemaOf({ dimensions: 7 })).rejects.toThrow(
        `Expected column \`embedding\` of ${name} to have 7 to `,
      )
      const wide = batchOf([tensorColumn('embedding', [30_000], new Float32Array(30_000))])
      await expect(schemaOf({ sampleRows: 3000 }, wide)).rejects.toThrow(
        'got 30000; reduce it with `pca` first, or lower `sampleRows`',
      )
      const narrow = batchOf([tensorColumn('embedding', [2], Float32Array.of(1, 2))])
      await expect(schemaOf({ model: await fitted() }, narrow)).rejects.toThrow(
        `Expected column \`embedding\` of ${name} to have 6 values as its model does, got 2`,
      )
      await expect(schemaOf({ model: join(folder, 'missing') })).rejects.toThrow(DataError)
    })

    it('checks its options at the call', () => {
      expect(() => operator({ dimension: 2 } as never)).toThrow('did you mean `dimensions`?')
      for (const bad of [
        { dimensions: 0 },
        { metric: 'cosin' as never },
        { sampleRows: 3 },
        { sampleRows: 1e9 },
        { seed: -1 },
        { mode: 'onlin' as never },
        { column: '' },
        { model: 'folder', save: 'other' },
      ])
        expect(() => operator(bad)).toThrow(OptionError)
      expect(() => flowIn(9, { bounded: false }).pipe(operator({ mode: 'fit' }))).toThrow(
        OptionError,
      )
    })

    it('fails on a value that is not finite, and on fewer than 4 rows', async () => {
      const values = new Float32Array(12).fill(NaN)
      const bad = withColumns(rows.slice(0, 2), [tensorColumn('embedding', [6], values)])
      await expect(run(flowIn(1, { of: bad }))).rejects.toThrow(DataError)
      await expect(run(flowIn(1, { of: rows.slice(0, 3) }))).rejects.toThrow(
        `Expected at least 4 rows for ${name}, got 3`,
      )
    })
  })

  let fitting: Promise<SampleMap> | undefined
  function fitted(): Promise<SampleMap> {
    return (fitting ??= new Promise((onModel, reject) => {
      run(flowIn(120), { onModel }).catch(reject)
    }))
  }
}
