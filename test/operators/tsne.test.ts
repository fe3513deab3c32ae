import { describe, expect, it } from 'vitest'
import { tsne } from '../../operators/tsne.ts'
import { mapsRows } from '../helpers/mapped.ts'

mapsRows('tsne', tsne, { iterations: 200, perplexity: 10 })

describe('tsne', () => {
  it('checks the options of its method at the call', () => {
    expect(() => tsne({ perplexity: 0 })).toThrow('`perplexity` to be a number from 1 to 1000')
    expect(() => tsne({ learningRate: 0 })).toThrow('`learningRate` to be a number from')
    expect(() => tsne({ iterations: 0 })).toThrow('`iterations` to be a positive integer')
    expect(() => tsne({ sampleRows: 5000 })).toThrow('`umap` lays out more')
  })
})
