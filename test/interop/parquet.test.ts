import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toParquet } from '../../connectors/to-parquet.ts'
import { flowOf } from '../../src/flow/flow.ts'
import {
  plainBatch,
  plainColumns,
  plainOf,
  plainRows,
  readers,
  readWithMillrace,
  writers,
} from '../helpers/parquet-engines.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-interop-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the same rows', () => {
  it.each(writers)('written by $name are read', async ({ name, columns, write }) => {
    const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.parquet`)
    await write(path)
    const expected = plainOf(plainRows as never, columns)
    expect(plainOf(await readWithMillrace(path), columns)).toEqual(expected)
  })

  for (const compression of ['zstd', 'snappy', 'gzip', 'none'] as const)
    it.each(readers.filter(({ codecs }) => (codecs as readonly string[]).includes(compression)))(
      `written with ${compression} are read by $name`,
      async ({ read, columns }) => {
        const path = join(folder, `ours-${compression}.parquet`)
        const dictionary = columns.length === plainColumns.length
        const rows = flowOf([plainBatch()])
        await lastValueFrom(rows.pipe(toParquet(path, { compression, dictionary, columns })))
        const expected = plainOf(plainRows as never, columns)
        expect(plainOf(await read(path), columns)).toEqual(expected)
      },
    )
})
