import type { RecordBatch, Schema } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { patches, type PatchesOptions } from '../../operators/patches.ts'
import { batchOf, int32Column, textColumn, withColumns } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { cut } from '../../src/kernels/cut.ts'
import type { Pixels } from '../../src/pictures/pixels.ts'
import { gather, picturesIn, pixelBatches, values } from '../helpers/pictures.ts'
import { grayPixels, picture, reds } from '../helpers/pixel-numbers.ts'
import { countsOf } from '../helpers/runs.ts'

/** 4 × 3, in gray. */
const small = grayPixels(4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])

/** A flow of batches that knows its schema. */
function rowsOf(...batches: readonly [RecordBatch, ...RecordBatch[]]): Flow<RecordBatch> {
  return new Flow(
    async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    },
    { name: 'rows', role: 'source', schema: () => batches[0].schema },
  )
}

async function cutUp(
  pictures: Readonly<Record<string, Pixels | null>>,
  options: PatchesOptions,
  size = 64,
) {
  const flow = flowOf(pixelBatches(pictures, { size })).pipe(patches(options))
  const { batches, rejects, run } = await gather(flow)
  const [lefts, tops] = [values(batches, 'patch_left'), values(batches, 'patch_top')]
  const places = values(batches, 'patch_of').map((of, i) => [of, lefts[i], tops[i]])
  return { batches, rejects, places, made: picturesIn(batches), counts: countsOf(run)['patches'] }
}

describe('patches', () => {
  const cases = [
    {
      name: 'side by side, less what makes no whole one',
      options: { width: 2, height: 2 },
      patches: {
        '0,0': [
          [1, 2],
          [5, 6],
        ],
        '2,0': [
          [3, 4],
          [7, 8],
        ],
      },
    },
    {
      name: 'that overlap',
      options: { width: 3, height: 2, stride: 1 },
      patches: {
        '0,0': [
          [1, 2, 3],
          [5, 6, 7],
        ],
        '1,0': [
          [2, 3, 4],
          [6, 7, 8],
        ],
        '0,1': [
          [5, 6, 7],
          [9, 10, 11],
        ],
        '1,1': [
          [6, 7, 8],
          [10, 11, 12],
        ],
      },
    },
    {
      name: 'apart',
      options: { width: 1, height: 1, stride: 3 },
      patches: { '0,0': [[1]], '3,0': [[4]] },
    },
    {
      name: 'as large as the picture',
      options: { width: 4, height: 3 },
      patches: {
        '0,0': [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
          [9, 10, 11, 12],
        ],
      },
    },
  ]
  it.each(cases)('cuts patches $name', async ({ options, patches }) => {
    const { made, places, counts } = await cutUp({ a: small }, options)
    const expected = Object.entries(patches)
    expect(Object.entries(made).map(([id, pixels]) => [id, pixels && reds(pixels)])).toEqual(
      expected.map(([place, rows]) => [`a#${place}`, rows]),
    )
    expect(places).toEqual(expected.map(([place]) => ['a', ...place.split(',').map(Number)]))
    expect(counts).toEqual({ rowsIn: 1, rowsKept: 1, rejected: 0, dropped: 0 })
  })

  it('gives the same rows whatever the batches, and counts pictures', async () => {
    const short = { ...small, height: 4 }
    const pictures = {
      a: picture,
      none: null,
      b: small,
      tiny: grayPixels(1, [7]),
      short,
      c: picture,
    }
    const options = { width: 4, height: 3, stride: 2, onError: 'reject' } as const
    const whole = await cutUp(pictures, options)
    expect(Object.keys(whole.made)).toHaveLength(2 * 5 * 4 + 1)
    expect(whole.made['c#8,6']).toEqual(cut(picture, { left: 8, top: 6, width: 4, height: 3 }))
    expect(whole.rejects).toEqual([
      {
        ...{ id: 'none', operator: 'patches', code: 'MISSING', attempt: 1 },
        message: 'Expected a picture in column `pixels`, got null',
      },
      {
        ...{ id: 'tiny', operator: 'patches', code: 'OUTSIDE', attempt: 1 },
        message: 'Expected at least 4 × 3 pixels, got 1 × 1',
      },
      {
        ...{ id: 'short', operator: 'patches', code: 'DAMAGED', attempt: 1 },
        message: 'Expected 4 × 4 pixels of 3 values, got 36 values',
      },
    ])
    expect(whole.counts).toEqual({ rowsIn: 6, rowsKept: 3, rejected: 3, dropped: 0 })
    for (const size of [1, 2]) {
      const { made, places, rejects, counts } = await cutUp(pictures, options, size)
      expect({ made, places, rejects, counts }).toEqual({
        ...{ made: whole.made, places: whole.places },
        ...{ rejects: whole.rejects, counts: whole.counts },
      })
    }
  })

  it('drops a picture without a whole patch, or fails on it', async () => {
    const pictures = { a: small, none: null }
    const size = { width: 4, height: 3 }
    const { counts, rejects } = await cutUp(pictures, { ...size, onError: 'drop' })
    expect(rejects).toEqual([])
    expect(counts).toEqual({ rowsIn: 2, rowsKept: 1, rejected: 0, dropped: 1 })
    await expect(cutUp(pictures, size)).rejects.toThrow(DataError)
    await expect(cutUp({ a: small }, { width: 5, height: 1 })).rejects.toThrow(
      'Expected at least 5 × 1 pixels, got 4 × 3 (patches of `a`)',
    )
  })

  it('emits many patches in several batches, and counts their picture once', async () => {
    const wide = { data: new Uint8Array(3 * 5000), width: 5000, height: 1 }
    const { batches, counts } = await cutUp({ wide }, { width: 1, height: 1 })
    expect(batches.map((batch) => batch.numRows)).toEqual([4096, 904])
    expect(counts).toEqual({ rowsIn: 1, rowsKept: 1, rejected: 0, dropped: 0 })
  })

  it('repeats the other columns, and carries heavy ones only where they are wanted', async () => {
    const [batch] = pixelBatches({ a: small, b: small })
    const n = int32Column('n', [5, null])
    const blob = textColumn('blob', ['x', 'y'])
    if (!batch) throw new Error('Expected a batch')
    const rows = withColumns(batch, [n, { ...blob, field: heavy(blob.field) }])
    const flow = flowOf([rows]).pipe(patches({ width: 2, height: 3 }))
    const { batches } = await gather(flow, { columns: ['pixels'] })
    expect(values(batches, 'n')).toEqual([5, 5, null, null])
    expect(batches[0]?.schema.fields.map((f) => f.name)).toEqual([
      ...['id', 'n', 'patch_of', 'patch_left', 'patch_top', 'pixels'],
    ])
    expect((await gather(flow, { columns: [] })).batches[0]?.getChild('pixels')).toBeNull()
  })

  it('declares the schema of what comes out, of an empty batch too', async () => {
    const [batch] = pixelBatches({ a: small })
    if (!batch) throw new Error('Expected a batch')
    const source = rowsOf(batch.slice(0, 0), batch)
    const flow = flowOf(source.pipe(patches({ width: 2, height: 2 })))
    const { batches } = await gather(flow)
    const describe = (of: Schema | undefined) =>
      of?.fields.map((f) => [f.name, String(f.type), [...f.metadata]])
    expect(batches).toHaveLength(1)
    expect(describe(batches[0]?.schema)).toEqual(describe(await flow.schema()))
  })

  it('refuses bad options at the call, and a flow without pictures', async () => {
    expect(() => patches({ width: 0, height: 1 })).toThrow(OptionError)
    expect(() => patches({ width: 1, height: 1, stride: 0.5 })).toThrow(
      'Expected option `stride` to be a positive integer, got `0.5` (number)',
    )
    expect(() => patches({ width: 1, height: 1, strid: 1 } as never)).toThrow(
      'did you mean `stride`?',
    )
    expect(() => patches({ width: 1, height: 1, onError: 'rejct' as never })).toThrow(OptionError)
    const [batch] = pixelBatches({ a: small })
    if (!batch) throw new Error('Expected a batch')
    const texts = batchOf([textColumn('id', ['a']), textColumn('pixels', ['b'])])
    for (const rows of [texts, withColumns(batch, [int32Column('id', [1])])]) {
      const flow = flowOf(rowsOf(rows).pipe(patches({ width: 1, height: 1 })))
      await expect(flow.schema()).rejects.toThrow(SchemaError)
    }
  })
})
