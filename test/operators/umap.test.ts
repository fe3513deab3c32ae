import { describe, expect, it } from 'vitest'
import { umap } from '../../operators/umap.ts'
import { mapsRows } from '../helpers/mapped.ts'

mapsRows('umap', umap, { epochs: 80 })

describe('umap', () => {
  it('checks the options of its method at the call', () => {
    expect(() => umap({ neighbors: 0 })).toThrow('`neighbors` to be a positive integer')
    expect(() => umap({ minDist: 1.5 })).toThrow('`minDist` to be a number from 0 to 1')
    expect(() => umap({ epochs: 0.5 })).toThrow('`epochs` to be a positive integer')
  })
})
