import { Float64, List, Field, RecordBatch, Table, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { StatisticsSelection } from '../../../src/report/statistics-selection.ts'

const channels = new List(new Field('item', new Float64(), true))

function batchOf(columns: Readonly<Record<string, readonly (number | null)[]>>): RecordBatch {
  const vectors = Object.entries(columns).map(([name, values]) => [
    name,
    vectorFromArray(values, new Float64()),
  ])
  return new Table(Object.fromEntries(vectors) as never).batches[0] as RecordBatch
}

/** `mean` of pictures, and of their channels. */
function meansOf(means: readonly number[], each: readonly (readonly number[] | null)[]) {
  const table = new Table({
    mean: vectorFromArray(means, new Float64()),
    channel_mean: vectorFromArray(each, channels),
  })
  return table.batches[0] as RecordBatch
}

describe('StatisticsSelection', () => {
  it('counts the values of metrics over batches, in the order of the metrics', () => {
    const selection = new StatisticsSelection()
    selection.add(batchOf({ mean: [1, null, 3], width: [0, 10, 100], other: [1, 2, 3] }))
    selection.add(batchOf({ mean: [5, NaN], bytes: [null, null], width: [10, 10] }))
    const found = selection.finish()
    expect(
      found.map(({ metric: { name }, count, least, most }) => [name, count, least, most]),
    ).toEqual([
      ['width', 5, 0, 100],
      ['mean', 3, 1, 5],
    ])
    const [width, mean] = found
    expect(mean?.values.all).toEqual({ from: 1, width: 1, counts: [1, 0, 1, 0, 1] })
    expect(mean?.logarithms).toBeUndefined()
    // Of 0 there is none.
    expect(width?.logarithms?.all).toEqual({ from: 1, width: 1, counts: [3, 1] })
  })

  it('counts the first four channels by themselves', () => {
    const selection = new StatisticsSelection()
    selection.add(meansOf([1, 2, 3], [[1, 2, 3, 4, 5], null, [2]]))
    const { values } = selection.finish()[0] ?? {}
    expect(values?.channels.map(({ from, counts }) => [from, counts])).toEqual([
      [1, [1, 1]],
      [2, [1]],
      [3, [1]],
      [4, [1]],
    ])
  })

  it('counts the logarithms of channels', () => {
    const selection = new StatisticsSelection()
    const table = new Table({
      sharpness: vectorFromArray([10], new Float64()),
      channel_sharpness: vectorFromArray([[100]], channels),
    })
    selection.add(table.batches[0] as RecordBatch)
    const { logarithms } = selection.finish()[0] ?? {}
    expect(logarithms?.channels).toEqual([{ from: 2, width: 1, counts: [1] }])
  })

  it('has nothing without metrics', () => {
    const selection = new StatisticsSelection()
    selection.add(batchOf({ other: [1] }))
    expect(selection.finish()).toEqual([])
  })
})
