import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { type Disk, nodeDisk } from '../../../src/disk.ts'
import { check } from '../../../src/run/check.ts'
import { run, type RunOptions } from '../../../src/run/run.ts'
import { letters, refuse } from '../../helpers/flows.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'publish-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const job = () => ({
  a: letters('a', 200).pipe(refuse('7'), toJsonl(at('a.jsonl'))),
  b: letters('b', 100).pipe(refuse('7'), toJsonl(at('b.jsonl'))),
})
const rejects = () => toJsonl(at('rejects.jsonl'))
const kept = (resume = false): RunOptions => ({ checkpoint: { folder: at('kept'), resume } })
const lines = async (name: string): Promise<number> =>
  (await readFile(at(name), 'utf8')).split('\n').length - 1

/** A disk that refuses to give a file the name `name`, as long as it is told to. */
function refusing(name: string): { disk: Disk; refuse: boolean } {
  const told = {
    refuse: true,
    disk: {
      ...nodeDisk,
      rename: (from: string, to: string) =>
        told.refuse && to === at(name)
          ? Promise.reject(Object.assign(new Error('no rename'), { code: 'EIO' }))
          : nodeDisk.rename(from, to),
    },
  }
  return told
}

describe('the outputs of a run', () => {
  it('become visible together, those of the rejects with them', async () => {
    const visible: string[][] = []
    const disk: Disk = {
      ...nodeDisk,
      async rename(from, to) {
        visible.push((await readdir(folder)).filter((name) => !name.startsWith('.')))
        await nodeDisk.rename(from, to)
      },
    }
    const done = await run(job(), { rejects: rejects(), disk })
    expect(visible.map((names) => names.length)).toEqual([0, 1, 2])
    expect(visible[2]?.sort()).toEqual(['a.jsonl', 'b.jsonl'])
    expect(done.sinks.map(({ rows }) => rows)).toEqual([180, 90, 30])
    expect((await readdir(folder)).sort()).toEqual(['a.jsonl', 'b.jsonl', 'rejects.jsonl'])
  })

  it.each(['out.jsonl', 'rejects.jsonl'])(
    'stay away, all of them, if %s cannot be written',
    async (name) => {
      await mkdir(at(name))
      const flow = letters('a', 200).pipe(refuse('7'), toJsonl(at('out.jsonl')))
      await expect(run(flow, { rejects: rejects() })).rejects.toMatchObject({
        ...{ code: 'CONNECTOR', url: at(name) },
      })
      expect(await readdir(folder)).toEqual([name])
    },
  )

  it('are cleared away behind a rename that the system refuses', async () => {
    const { disk } = refusing('rejects.jsonl')
    await expect(run(job(), { rejects: rejects(), disk })).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', url: at('rejects.jsonl') },
    })
    expect((await readdir(folder)).sort()).toEqual(['a.jsonl', 'b.jsonl'])
  })

  it('are completed by a resumed run, with a checkpoint', async () => {
    const told = refusing('b.jsonl')
    const options = { ...kept(), rejects: rejects(), disk: told.disk }
    await expect(run(job(), options)).rejects.toMatchObject({ url: at('b.jsonl') })
    told.refuse = false
    const done = await run(job(), { ...options, ...kept(true) })
    expect(done).toMatchObject({ rows: 300, rejected: 30, checkpoint: { complete: true } })
    expect(done.sinks.map(({ rows }) => rows)).toEqual([180, 90, 30])
    for (const [name, rows] of [
      ['a', 180],
      ['b', 90],
      ['rejects', 30],
    ] as const)
      expect(await lines(`${name}.jsonl`)).toBe(rows)
    expect(await readdir(at('kept'))).not.toContain('run')
    expect(await run(job(), { ...options, ...kept(true) })).toEqual(done)
  })

  it('are not given to a sink of rejects that another run had', async () => {
    const told = refusing('b.jsonl')
    const options = { ...kept(), rejects: rejects(), disk: told.disk }
    await expect(run(job(), options)).rejects.toMatchObject({ url: at('b.jsonl') })
    const other = { ...kept(true), rejects: toJsonl(at('others.jsonl')) }
    await expect(run(job(), other)).rejects.toMatchObject({
      ...{ code: 'OPTION', message: expect.stringContaining('others.jsonl') as string },
    })
  })

  it('need a place each', async () => {
    const same = {
      a: letters('a', 10).pipe(toJsonl(at('a.jsonl'))),
      b: letters('b', 10).pipe(
        toJsonl(at('../x/../') + `${folder.split('/').at(-1) ?? ''}/a.jsonl`),
      ),
    }
    const message = `Expected each part to write somewhere else, got toJsonl and toJsonl that both write ${at('a.jsonl')}`
    expect(await check(same)).toEqual([
      { level: 'error', operator: 'toJsonl', message, code: 'OPTION' },
    ])
    await expect(run(same)).rejects.toMatchObject({ code: 'OPTION', message })
    const one = letters('a', 10).pipe(toJsonl(at('a.jsonl')))
    await expect(run(one, { rejects: toJsonl(at('a.jsonl')) })).rejects.toThrow(message)
    expect(await readdir(folder)).toEqual([])
    const printed = { a: letters('a', 0).pipe(toJsonl('-')), b: letters('b', 0).pipe(toJsonl('-')) }
    expect(await check(printed)).toEqual([])
  })
})
