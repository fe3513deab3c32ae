import { describe, expect, it } from 'vitest'
import { tableNames } from '../../src/item-ids.ts'

describe('tableNames', () => {
  it.each<[string[], string[]]>([
    [['/a/b.parquet'], ['b.parquet']],
    [['b.parquet'], ['b.parquet']],
    [
      ['/a/x/1.parquet', '/a/y/1.parquet', '/a/2.parquet'],
      ['x/1.parquet', 'y/1.parquet', '2.parquet'],
    ],
    [
      ['/ab/1', '/a/1'],
      ['ab/1', 'a/1'],
    ],
    [
      ['/a/..b/1', '/a/2'],
      ['..b/1', '2'],
    ],
    [
      ['d/1', 'd/../d/2'],
      ['1', '2'],
    ],
  ])('of %j are %j', (paths, names) => {
    expect(tableNames(paths)).toEqual(names)
  })
})
