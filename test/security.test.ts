import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { modelLimits } from '../src/models/manifest.ts'
import { parquetLimits } from '../src/parquet/limits.ts'
import { pictureExtensions } from '../src/pictures/picture-format.ts'
import { packageRoot } from '../src/package.ts'

const page = readFileSync(join(packageRoot(), 'SECURITY.md'), 'utf8')

/** The row of the table of bounds. */
function bound(input: string): string {
  return new RegExp(`^\\| ${input} *\\| (.*?) *\\|$`, 'm').exec(page)?.[1] ?? ''
}

function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** The default of an option, where it is checked. */
function defaultOf(file: string, option: string): number {
  const text = readFileSync(join(packageRoot(), file), 'utf8')
  const documented = `@default ([\\d_]+)[^@]*readonly ${option}\\?:`
  return Number(new RegExp(documented).exec(text)?.[1]?.replaceAll('_', ''))
}

describe('SECURITY.md', () => {
  it('states the bounds of the code', () => {
    const { footerBytes, structs, values, footerDepth } = parquetLimits
    expect(bound('Parquet footer')).toBe(
      `${count(footerBytes)} bytes, ${count(structs)} structs, ${count(values)} values, ${count(footerDepth)} levels`,
    )
    expect(bound('Parquet schema')).toBe(
      `${count(parquetLimits.schemaDepth)} levels, ${count(parquetLimits.leaves)} leaf columns`,
    )
    const { manifestBytes, entries, dimensions } = modelLimits
    expect(bound('model folder')).toContain(
      `${count(manifestBytes)} bytes of \`model.json\`, ${count(entries)} arrays and as many files, ${count(dimensions)} dimensions`,
    )
    expect(bound('Parquet rows')).toContain(`; ${count(parquetLimits.memoryBytes)} bytes of memory`)
  })

  it('states the defaults of the options that move them', () => {
    const pixels = defaultOf('operators/decode.ts', 'limitPixels')
    expect(bound('picture')).toMatch(new RegExp(`^${count(pixels)} pixels`))
    const rowGroup = defaultOf('connectors/from-parquet.ts', 'rowGroupBytes')
    expect(bound('Parquet rows')).toMatch(new RegExp(`^${count(rowGroup)} bytes`))
  })

  it('names the formats that are read', () => {
    const named = bound('formats').split(' by ')[0]?.toLowerCase().split(', ')
    expect(named?.every((f) => (pictureExtensions as readonly string[]).includes(f))).toBe(true)
    expect(named).toHaveLength(6)
  })
})
