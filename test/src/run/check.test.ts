import type { RecordBatch } from 'apache-arrow'
import { map } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { textColumn } from '../../../src/batch/batch.ts'
import { check, type CheckOptions, type Problem } from '../../../src/run/check.ts'
import { ConnectorError } from '../../../src/errors.ts'
import { flowOf } from '../../../src/flow/flow.ts'
import { operate } from '../../../src/flow/operate.ts'
import type { Job } from '../../../src/run/plan.ts'
import { requireField } from '../../../src/batch/schema.ts'
import { source } from '../../../src/flow/source.ts'
import { letters, nothing, refuse, toKept } from '../../helpers/flows.ts'

const out = () => toKept(nothing())

/** Reads the column `name`. */
const reader = (name: string, kind: 'text' | 'number') =>
  operate<RecordBatch, RecordBatch>({
    name: 'reader',
    schema: (input) => {
      requireField(input, name, { owner: 'reader', kind })
      return input
    },
    start: () => ({
      *next(batch) {
        yield batch
      },
    }),
  })

const gone = source({
  name: 'gone',
  schema: () => {
    throw new ConnectorError('Expected a folder, got nothing', { url: 'photos', retryable: false })
  },
  // eslint-disable-next-line @typescript-eslint/require-await -- never read
  async *read() {
    yield [textColumn('id', []), 0]
  },
})

const unknownAfter = (what: string) =>
  `Expected parts whose schema is known, got ${what}: nothing is checked from there to declare(schema)`

const cases: { name: string; job: () => Job; problems: Problem[] }[] = [
  {
    name: 'nothing in a sound flow',
    job: () => letters('a', 2).pipe(refuse('1'), out()),
    problems: [],
  },
  {
    name: 'a column that is not there, with the nearest',
    job: () => letters('a', 2).pipe(reader('ids', 'text'), out()),
    problems: [
      {
        level: 'error',
        operator: 'reader',
        code: 'SCHEMA',
        message: 'Expected column `ids` for reader, got columns id; did you mean `id`?',
        column: 'ids',
        suggestion: 'id',
      },
    ],
  },
  {
    name: 'a column of another type',
    job: () => letters('a', 2).pipe(reader('id', 'number'), out()),
    problems: [
      {
        level: 'error',
        operator: 'reader',
        code: 'SCHEMA',
        message: 'Expected column `id` of reader to be number, got Utf8',
        column: 'id',
        actual: 'Utf8',
      },
    ],
  },
  {
    name: 'a source that is not there',
    job: () => gone.pipe(out() as never),
    problems: [
      {
        level: 'error',
        operator: 'gone',
        code: 'CONNECTOR',
        message: 'Expected a folder, got nothing',
      },
    ],
  },
  {
    name: 'a foreign operator, once',
    job: () =>
      letters('a', 2).pipe(
        map((batch) => batch),
        map((batch) => batch),
        reader('ids', 'text'),
        out(),
      ),
    problems: [
      { level: 'note', operator: 'rxjs', message: unknownAfter('an RxJS operator after letters') },
    ],
  },
  {
    name: 'a source without a schema, and no sink',
    job: () => ({ a: flowOf([1]) }),
    problems: [
      { level: 'note', operator: 'iterable', message: unknownAfter('iterable') },
      {
        level: 'note',
        operator: 'iterable',
        message: 'Expected a sink at the end, got iterable: the run reads all rows and writes none',
      },
    ],
  },
]

describe('check', () => {
  it.each(cases)('finds $name', async ({ job, problems }) => {
    expect(await check(job())).toEqual(problems)
  })

  it('asks a part that two flows share once', async () => {
    let asked = 0
    const shared = flowOf(
      letters('a', 2).pipe(
        operate({
          name: 'shared',
          schema: (input) => {
            asked++
            return input
          },
          start: () => ({ next: () => [] }),
        }),
      ),
    )
    expect(await check([shared.pipe(out() as never), shared.pipe(out() as never)])).toEqual([])
    expect(asked).toBe(1)
  })
})

describe('check with options', () => {
  const job = () => letters('a', 4).pipe(out())

  it.each([
    ['exactly-once', 'write to files, for instance with toParquet(path) or toJsonl(path)'],
    ['idempotent', 'write to files, or with a sink that gives each row a key and replaces by it'],
  ] as const)('names the sinks that promise less than %s', async (require, way) => {
    expect(await check(job(), { require })).toEqual([
      {
        ...{ level: 'error', operator: 'to-kept', code: 'OPTION' },
        message: `Expected sinks that promise ${require}, got to-kept, which promises at-least-once: ${way}`,
      },
    ])
  })

  it('lets pass what promises enough', async () => {
    expect(await check(job(), { require: 'at-least-once' })).toEqual([])
  })

  it('names what cannot be resumed, if the job is to keep checkpoints', async () => {
    const foreign = letters('a', 4).pipe(map((batch) => batch))
    const found = await check(foreign, { checkpoint: true })
    expect(found.filter(({ level }) => level === 'error')).toMatchObject([{ operator: 'rxjs' }])
    expect(await check(job(), { checkpoint: true })).toEqual([])
  })

  it('refuses a promise that there is not', async () => {
    const wrong = { require: 'once' } as unknown as CheckOptions
    await expect(check(job(), wrong)).rejects.toThrow('Expected option `require` to be one of')
  })
})
