import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { map } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toJsonl } from '../../../connectors/to-jsonl.ts'
import { toParquet } from '../../../connectors/to-parquet.ts'
import { batchOf, concat, textColumn } from '../../../src/batch/batch.ts'
import { fanOut } from '../../../src/flow/fan-out.ts'
import { mergeFlows } from '../../../src/flow/merge-flows.ts'
import { operate } from '../../../src/flow/operate.ts'
import { source } from '../../../src/flow/source.ts'
import { run } from '../../../src/run/run.ts'
import { unreplayable } from '../../../src/run/replayable.ts'
import { flowsOf, type Job } from '../../../src/run/plan.ts'
import { everyType } from '../../helpers/every-type.ts'
import { endless, letters, nothing, refuse, toKept } from '../../helpers/flows.ts'
import { rowsOf } from '../../helpers/workflows.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replayable-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const toFile = (name = 'out.jsonl') => toJsonl(at(name))
const only = (...ids: string[]) => ({ only: new Map(ids.map((id) => [id, 1])) })
const idsIn = async (name: string): Promise<string[]> =>
  (await readFile(at(name), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id)

const jsonValue = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

describe('a run of some rows', () => {
  it('leaves out the others, adds to the file, and has those that fail and those that are gone as rejects', async () => {
    await run(letters('a', 10).pipe(refuse('7'), refuse('3'), toFile()))
    const done = await run(letters('a', 10).pipe(refuse('3'), toFile()), {
      ...only('a7', 'a3', 'a99'),
      rejects: toFile('rejects.jsonl'),
    })
    expect(await idsIn('out.jsonl')).toEqual(
      ['0', '1', '2', '4', '5', '6', '8', '9', '7'].map((n) => `a${n}`),
    )
    expect(done).toMatchObject({ rows: 2, rejected: 2 })
    expect(done.sinks.map(({ rows }) => rows)).toEqual([1, 2])
    const rejects = (await readFile(at('rejects.jsonl'), 'utf8')).trim().split('\n')
    expect(rejects.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id: 'a3', operator: 'refuse', attempt: 2 },
      { id: 'a99', operator: 'replay', code: 'MISSING', attempt: 2 },
    ])
  })

  it('starts a file where there is none, and takes no line that is not whole for one', async () => {
    await run(letters('a', 10).pipe(toFile()), only('a1'))
    expect(await idsIn('out.jsonl')).toEqual(['a1'])
    await writeFile(at('out.jsonl'), '{"id":"a1"')
    await expect(run(letters('a', 10).pipe(toFile()), only('a2'))).rejects.toMatchObject({
      ...{ code: 'DATA', message: `Expected ${at('out.jsonl')} to end with a whole line` },
    })
    expect(await readFile(at('out.jsonl'), 'utf8')).toBe('{"id":"a1"')
  })

  it('adds rows of every type to a Parquet file, and refuses other columns', async () => {
    const whole = batchOf(everyType)
    const path = at('out.parquet')
    const write = (batch: RecordBatch) =>
      source<RecordBatch, number>({
        name: 'rows',
        schema: () => batch.schema,
        async *read() {
          await Promise.resolve()
          yield [batch, 1]
        },
      }).pipe(toParquet(path))
    await run(write(whole))
    const first = await readFile(path)
    const ids = Array.from({ length: whole.numRows }, (_, i) => `out#${String(i)}`)
    const withIds = batchOf([...everyType, textColumn('id', ids)])
    await expect(run(write(withIds), only(...ids))).rejects.toMatchObject({ code: 'SCHEMA' })
    expect(await readFile(path)).toEqual(first)
    await rm(path)
    await run(write(withIds))
    const texts = async () => (await rowsOf(path)).map((row) => JSON.stringify(row, jsonValue))
    const before = await texts()
    const again = await run(write(withIds), only('out#1', 'out#3'))
    expect(again.sinks[0]).toMatchObject({ rows: 2, files: 1 })
    expect(await texts()).toEqual([...before, before[1], before[3]])
  })

  it('needs ids', async () => {
    const rows = batchOf(everyType.slice(0, 1))
    const flow = source<RecordBatch, number>({
      name: 'rows',
      async *read() {
        await Promise.resolve()
        yield [rows, 1]
      },
    }).pipe(toFile())
    await expect(run(flow, only('a'))).rejects.toMatchObject({ code: 'SCHEMA', column: 'id' })
  })

  const refused: readonly (readonly [string, () => Job])[] = [
    ['one flow, got 2', () => [letters('a', 2).pipe(toFile()), letters('b', 2).pipe(toFile('b'))]],
    [
      'parts that are read once, got letters with several branches',
      () => {
        const rows = letters('a', 2)
        return mergeFlows(rows, rows).pipe(toFile())
      },
    ],
    [
      'parts that can be resumed, got an RxJS operator after letters',
      () =>
        letters('a', 2).pipe(
          map((batch) => batch),
          toFile(),
        ),
    ],
    [
      'sinks that can add to what is there, got to-kept',
      () => letters('a', 2).pipe(toKept(nothing())),
    ],
    [
      'parts that make one row of one, got twice, which makes several',
      () =>
        letters('a', 2).pipe(
          operate<RecordBatch, RecordBatch>({
            name: 'twice',
            sourceRows: (made) => made.numRows / 2,
            start: () => ({
              *next(batch) {
                yield concat([batch, batch])
              },
            }),
          }),
          toFile(),
        ),
    ],
    ['sources that end by themselves, got endless', () => endless().pipe(toFile())],
  ]
  it.each(refused)('expects %s', async (message, job) => {
    const made = job()
    const [problem] = unreplayable(flowsOf(made).map(({ flow }) => flow))
    expect(problem?.message).toContain(`Expected ${message}`)
    await expect(run(made, only('a1'))).rejects.toMatchObject({
      ...{ code: 'OPTION', message: problem?.message },
    })
  })

  it('can be of a fan-out nowhere', () => {
    const [left, right] = fanOut(2)(letters('a', 2))
    const job = mergeFlows(left, right).pipe(toFile())
    expect(unreplayable(flowsOf(job).map(({ flow }) => flow))).not.toEqual([])
  })
})
