import { describe, expect, it } from 'vitest'
import { formatOf } from '../../../src/workflows/sources.ts'

function formatOfAll(...paths: readonly string[]): string | undefined {
  return formatOf(paths.map((path) => ({ path })))
}

describe('formatOf', () => {
  it.each([
    [['photos', 'more/*.png'], undefined],
    [['a.parquet'], 'parquet'],
    [['a.arrow', 'b.feather'], 'arrow'],
    [['a.tar', 'b.TAR.GZ', 'c.tgz'], 'tar'],
    [['a.csv', 'b.tsv'], 'csv'],
    [['a.jsonl', 'b.ndjson'], 'jsonl'],
    [['instances.json'], 'coco'],
    [['data.yaml', 'data.yml'], 'yolo'],
    [['https://host/a.csv?token=x.tar#y.parquet', 's3://bucket/b.csv'], 'csv'],
  ])('of %j is %s', (paths, format) => {
    expect(formatOfAll(...paths)).toBe(format)
  })

  it('refuses several', () => {
    expect(() => formatOfAll('a.csv', 'photos')).toThrow(
      'Expected sources of one format, got `a.csv` (csv) and `photos` (pictures)',
    )
  })
})
