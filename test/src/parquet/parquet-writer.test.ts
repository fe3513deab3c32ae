import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { nodeDisk } from '../../../src/disk.ts'
import { OutputFile } from '../../../src/output/output-file.ts'
import { ParquetThread } from '../../../src/parquet/parquet-thread.ts'
import { ParquetWriter } from '../../../src/parquet/parquet-writer.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-writer-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('ParquetWriter', () => {
  it('keeps less than 2 kB of a row group that is written', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const place = { id: 'a', disk: nodeDisk }
    const file = await OutputFile.create(join(folder, 'rows.parquet'), place)
    const layout = { rowGroupRows: 1, rowGroupBytes: 1e6, dictionary: true }
    const thread = new ParquetThread()
    const writer = new ParquetWriter(file, { ...layout, compression: 'none' }, thread)
    const row = batchOf(['a', 'b', 'c', 'd'].map((name) => textColumn(name, ['x'])))
    const groups = 300
    function used(): number {
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    for (let i = 0; i < groups; i++) await writer.write(row)
    const before = used()
    for (let i = 0; i < groups; i++) await writer.write(row)
    expect(used() - before).toBeLessThan(2_000 * groups)
    await writer.close()
    await thread.close()
    await file.discard()
  })
})
