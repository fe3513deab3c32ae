import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { report } from '../../../src/workflows/report.ts'
import {
  clipart,
  filesUnder,
  newFolder,
  rowsOf,
  someClipart,
  summaryOf,
  tableBytes,
  unattended,
} from '../../helpers/workflows.ts'

/** Forty pictures of both splits, two of them damaged, with copies and edits among them. */
const names = filesUnder(clipart)
  .filter((name) => /\/(bugs|desserts)\//.test(name))
  .slice(2, 42)
const changed = 'train/bugs/copy_0.png'

async function reported(folder: string, threads: number, out = newFolder()): Promise<string> {
  await report({ sources: [{ path: folder }], out, seed: 0, threads }, unattended())
  return out
}

let folder: string
let first: Record<string, string>
let out: string
let again: Record<string, string>

beforeAll(async () => {
  folder = someClipart(names)
  out = await reported(folder, 2)
  first = tableBytes(out)
  again = tableBytes(await reported(folder, 1))
  cpSync(join(clipart, 'train/fruit/odd_strip.png'), join(folder, changed))
  await reported(folder, 2, out)
}, 240_000)

describe('report on pictures that it has seen before', () => {
  it('has the same bytes in every table, with one thread as with two', () => {
    expect(names).toHaveLength(40)
    expect(names).toContain(changed)
    expect(again).toEqual(first)
  })

  it('decodes only what has changed', async () => {
    const { items, rejects } = summaryOf(out)
    expect(summaryOf(out)['decoded']).toBe(1)
    expect([items, rejects]).toEqual([38, 2])
    const rows = await rowsOf(join(out, 'items.parquet'))
    const before = rows.find(({ id }) => id === changed)
    expect([before?.['width'], before?.['height']]).toEqual([600, 12])
  })

  it('writes the tables that a fresh report writes', async () => {
    const fresh = await reported(folder, 1)
    expect(summaryOf(fresh)['decoded']).toBe(38)
    expect(tableBytes(out)).toEqual(tableBytes(fresh))
    expect(tableBytes(fresh)).not.toEqual(first)
  }, 60_000)
})
