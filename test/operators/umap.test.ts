import { lastValueFrom, of, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { manual } from '../../operators/manual.ts'
import { pca } from '../../operators/pca.ts'
import { tsne } from '../../operators/tsne.ts'
import { umap } from '../../operators/umap.ts'
import { batchOf, column, concat, textColumn } from '../../src/batch/batch.ts'
import { tensorColumn, tensorValues } from '../../src/batch/tensor.ts'
import { Random } from '../../src/kernels/random.ts'
import { mapsRows } from '../helpers/mapped.ts'

mapsRows('umap', umap, { epochs: 80 })

describe('umap', () => {
  it('checks the options of its method at the call', () => {
    expect(() => umap({ neighbors: 0 })).toThrow('`neighbors` to be a positive integer')
    expect(() => umap({ minDist: 1.5 })).toThrow('`minDist` to be a number from 0 to 1')
    expect(() => umap({ epochs: 0.5 })).toThrow('`epochs` to be a positive integer')
  })

  it('stands beside other reductions, each of its own column', async () => {
    const random = new Random(5)
    const tensor = (name: string, width: number) =>
      tensorColumn(
        name,
        [width],
        Float32Array.from({ length: 30 * width }, () => random.normal()),
      )
    const ids = Array.from({ length: 30 }, (_, row) => `r${String(row)}`)
    const rows = batchOf([textColumn('id', ids), tensor('shape', 9), tensor('color', 5)])
    const shapes = pca({ column: 'shape', components: 4, into: 'shape_pca' })
    const shapeMap = umap({ column: 'shape_pca', into: 'shape_map', epochs: 20 })
    const colors = tsne({ column: 'color', into: 'color_map', iterations: 20 })
    const given = manual({ points: { r3: [1, 2] }, into: 'place' })

    const all = concat(
      await lastValueFrom(of(rows).pipe(shapes, shapeMap, colors, given, toArray())),
    )
    expect(all.schema.names).toEqual([
      ...['id', 'shape', 'color', 'shape_pca', 'shape_map', 'color_map', 'place'],
    ])
    const values = (batch: typeof rows, name: string) => [...tensorValues(column(batch, name))]
    const shapeAlone = concat(await lastValueFrom(of(rows).pipe(shapes, shapeMap, toArray())))
    const colorAlone = concat(await lastValueFrom(of(rows).pipe(colors, toArray())))
    expect(values(all, 'shape_map')).toEqual(values(shapeAlone, 'shape_map'))
    expect(values(all, 'color_map')).toEqual(values(colorAlone, 'color_map'))
    expect(column(all, 'place').nullCount).toBe(29)
  })
})
