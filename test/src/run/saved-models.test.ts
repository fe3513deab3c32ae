import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { gmm } from '../../../operators/gmm.ts'
import { neighbors } from '../../../operators/neighbors.ts'
import { pca } from '../../../operators/pca.ts'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { tensorColumn } from '../../../src/batch/tensor.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { check } from '../../../src/run/check.ts'
import { run } from '../../../src/run/run.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-saved-'))
})
afterEach(() => rm(folder, { recursive: true }))

const at = (name: string): string => join(folder, name)

const rows = flowOf([
  batchOf([
    textColumn('id', ['a', 'b', 'c', 'd']),
    tensorColumn('embedding', [2], Float32Array.of(1, 2, 3, 5, 8, 13, 21, 34)),
  ]),
])

const same = 'Expected each part to write somewhere else, got'

describe('models of one run', () => {
  const cases = [
    {
      name: 'two models in one folder',
      job: () => rows.pipe(pca({ components: 1, save: at('m') }), gmm({ save: at('./m') })),
      message: () => `${same} pca and gmm that both write ${at('m')}`,
    },
    {
      name: 'a file in the folder of a model',
      job: () => rows.pipe(neighbors({ save: at('m') }), toJsonl(at('m/rows.jsonl'))),
      message: () =>
        `${same} neighbors that writes ${at('m')} and toJsonl that writes ${at('m/rows.jsonl')}`,
    },
    {
      name: 'a model in the folder of another, of another flow',
      job: () => ({
        a: rows.pipe(pca({ components: 1, mode: 'online', save: at('m/pca') })),
        b: rows.pipe(neighbors({ mode: 'online', save: at('m') })),
      }),
      message: () => `${same} pca that writes ${at('m/pca')} and neighbors that writes ${at('m')}`,
    },
  ]
  it.each(cases)('are refused: $name', async ({ job, message }) => {
    const found = (await check(job())).filter(({ level }) => level === 'error')
    expect(found.map((problem) => problem.message)).toEqual([message()])
    await expect(run(job())).rejects.toMatchObject({ code: 'OPTION', message: message() })
    expect(await readdir(folder)).toEqual([])
  })

  it('are not saved over other files, which is found out before the rows are read', async () => {
    await mkdir(at('m'))
    await writeFile(at('m/notes.txt'), 'mine')
    let read = 0
    const counted = flowOf(
      (async function* () {
        for await (const batch of rows) {
          read++
          yield batch
        }
      })(),
    )
    const job = counted.pipe(pca({ components: 1, save: at('m') }))
    const message = expect.stringContaining('got `notes.txt` in it') as string
    expect(await check(job)).toContainEqual({
      ...{ level: 'error', operator: 'pca', code: 'OPTION', message },
    })
    await expect(run(job)).rejects.toMatchObject({ code: 'OPTION', message })
    expect(read).toBe(0)
  })

  it('are not saved over what was put there meanwhile', async () => {
    const meanwhile = (): void => {
      mkdirSync(at('m'))
      writeFileSync(at('m/notes.txt'), 'mine')
    }
    const saved = pca({ components: 1, save: at('m'), onModel: meanwhile })
    await expect(run(rows.pipe(saved, toJsonl(at('rows.jsonl'))))).rejects.toThrow(
      'got `notes.txt` in it',
    )
    expect(await readdir(folder)).toEqual(['m'])
    expect(await readdir(at('m'))).toEqual(['notes.txt'])
  })
})
