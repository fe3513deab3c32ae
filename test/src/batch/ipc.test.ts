import { Float64, makeData, makeVector } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { batchOf, column, float64Column, textColumn } from '../../../src/batch/batch.ts'
import { decodeBatch, encodeBatch } from '../../../src/batch/ipc.ts'

const values = Float64Array.from({ length: 16 }, (_, i) => i)

describe('encodeBatch', () => {
  it.each([
    ['the same values', [0, 16], [0, 16]],
    ['values that overlap', [0, 10], [4, 14]],
    ['values that follow each other', [0, 8], [8, 16]],
  ])('keeps columns over %s apart', (_, first, second) => {
    const columns = [first, second].map(([from = 0, to = 0], i) => {
      const data = values.subarray(from, from + 8 || to)
      const type = new Float64()
      const vector = makeVector(makeData({ type, length: 8, nullCount: 0, data }))
      return { field: float64Column(`c${String(i)}`, data).field, vector }
    })
    const batch = batchOf(columns)
    const back = decodeBatch(encodeBatch(batch))
    for (const name of ['c0', 'c1'])
      expect([...column(back, name)]).toEqual([...column(batch, name)])
  })

  it('keeps twenty columns over one text vector apart, sliced', () => {
    const text = textColumn('t', ['a', 'bb', 'ccc', 'dddd'])
    const names = Array.from({ length: 20 }, (_, i) => `t${String(i)}`)
    const batch = batchOf(
      names.map((name) => ({ field: text.field.clone({ name }), vector: text.vector })),
    ).slice(1, 4)
    const back = decodeBatch(encodeBatch(batch))
    for (const name of names) expect([...column(back, name)]).toEqual(['bb', 'ccc', 'dddd'])
  })
})
