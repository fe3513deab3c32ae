import { describe, expect, it } from 'vitest'
import { column } from '../../../src/batch/batch.ts'
import { itemBatch } from '../../../src/pictures/item-batch.ts'

describe('itemBatch', () => {
  it('takes the pictures out of the items', () => {
    const item = { id: 'a.png', uri: 'file:///a.png', label: null, split: null, bytes: 2 }
    const items = [{ ...item, image: Uint8Array.of(1, 2) as Uint8Array | null }]
    const batch = itemBatch(items, true)
    expect(column(batch, 'image').get(0)).toEqual(Uint8Array.of(1, 2))
    expect(items).toEqual([{ ...item, image: null }])
  })
})
