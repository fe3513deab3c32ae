import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { SuspendedError } from '../../../src/errors.ts'
import { resumePoint } from '../../../src/run/resume-point.ts'
import { fit } from '../../../src/workflows/fit.ts'
import { report } from '../../../src/workflows/report.ts'
import type { FolderOptions } from '../../../src/workflows/workflow.ts'
import {
  filesUnder,
  newFolder,
  tableBytes,
  unattended,
  writeBatch,
} from '../../helpers/workflows.ts'

/** A Parquet file of 60 items in three clusters. */
async function someRows(): Promise<string> {
  const path = join(newFolder(), 'rows.parquet')
  const ids = Array.from({ length: 60 }, (_, i) => `item${String(i)}`)
  const values = Float32Array.from({ length: 240 }, (_, i) => ((i * 37) % 101) + 200 * (i % 3))
  await writeBatch(path, batchOf([textColumn('id', ids), tensorColumn('embedding', [4], values)]))
  return path
}

async function optionsOf(resume: boolean): Promise<FolderOptions> {
  const checkpoint = { folder: newFolder(), resume }
  const sources = [{ path: await someRows() }]
  return { sources, out: newFolder(), seed: 0, threads: 1, checkpoint }
}

function written(path: string): number {
  return statSync(path).mtimeMs
}

describe('report', () => {
  it('comes out whole when it is resumed in its run, behind it, and when it is done', async () => {
    const options = await optionsOf(true)
    const [page, summary, about] = ['index.html', 'summary.json', 'models/about.json'].map((name) =>
      join(options.out, name),
    ) as [string, string, string]

    const drained = report(options, { ...unattended(), drain: AbortSignal.abort() })
    const error = await drained.catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(SuspendedError)
    expect(resumePoint(error)).toMatchObject({ complete: false })
    expect(filesUnder(options.out).filter((name) => !name.startsWith('.'))).toEqual([])

    await report(options, unattended())
    const whole = filesUnder(options.out)
    const tables = tableBytes(options.out)
    expect(whole).toEqual(expect.arrayContaining(['index.html', 'models/about.json']))
    const pageAt = written(page)
    await report(options, unattended())
    expect(written(page)).toBe(pageAt)

    // As if it had been killed before it wrote about.json, with an earlier report in the folder.
    rmSync(about)
    const other = readFileSync(summary, 'utf8').replace(/"run": "\w+"/, '"run": "of before"')
    writeFileSync(summary, other)
    writeFileSync(page, 'of before')
    await report(options, unattended())
    expect(filesUnder(options.out)).toEqual(whole)
    expect(readFileSync(summary, 'utf8')).not.toBe(other)
    expect(readFileSync(page, 'utf8')).toContain('<html')
    expect(tableBytes(options.out)).toEqual(tables)
  }, 180_000)
})

describe('fit', () => {
  it('says what its models are for, also when only that was missing', async () => {
    const options = await optionsOf(true)
    await fit(options, unattended())
    const whole = filesUnder(options.out)
    rmSync(join(options.out, 'about.json'))
    await fit(options, unattended())
    expect(filesUnder(options.out)).toEqual(whole)
  })
})
