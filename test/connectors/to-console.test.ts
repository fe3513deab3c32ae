import { type RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { toConsole, type ToConsoleOptions } from '../../connectors/to-console.ts'
import {
  batchOf,
  binaryColumn,
  float64Column,
  int32Column,
  textColumn,
} from '../../src/batch/batch.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { flowOf } from '../../src/flow/flow.ts'

let printed = ''

beforeEach(() => {
  printed = ''
  for (const output of ['stdout', 'stderr'] as const)
    vi.spyOn(process[output], 'write').mockImplementation(((text: string, done: () => void) => {
      printed += text
      done()
      return true
    }) as never)
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function show(batches: readonly RecordBatch[], options?: ToConsoleOptions) {
  const summary = await lastValueFrom(flowOf(batches).pipe(toConsole(options)))
  return { summary, lines: printed.split('\n').slice(0, -1) }
}

const rows = batchOf([
  textColumn('id', ['a', 'a longer id', null]),
  int32Column('n', [1, null, 300]),
  float64Column('score', Float64Array.of(0.1, -1 / 3, 1e9)),
  tensorColumn(
    'embedding',
    [6],
    Float32Array.from({ length: 18 }, (_, i) => i / 2),
  ),
  binaryColumn('bytes', [Uint8Array.of(1, 2), null, new Uint8Array(9)]),
])

describe('toConsole', () => {
  it('aligns the first rows, shortens lists, and counts all', async () => {
    const { summary, lines } = await show([rows.slice(0, 1), rows.slice(1)])
    expect(lines).toEqual([
      'id             n       score  embedding                   bytes',
      'a              1         0.1  [0, 0.5, 1, 1.5, … 2 more]  2 bytes',
      'a longer id        -0.333333  [3, 3.5, 4, 4.5, … 2 more]',
      '             300  1000000000  [6, 6.5, 7, 7.5, … 2 more]  9 bytes',
      '3 rows',
    ])
    expect(summary).toMatchObject({ sink: 'toConsole', location: 'stdout', rows: 3, files: 0 })
    expect(summary.bytes).toBe(Buffer.byteLength(printed))
  })

  it('shows so many rows, chosen columns and short cells', async () => {
    const { lines } = await show([rows], { rows: 2, columns: ['id'], cellLength: 5 })
    expect(lines).toEqual(['id', 'a', 'a lo…', '3 rows, 2 of them shown'])
  })

  it('shows no control characters', async () => {
    const { lines } = await show([batchOf([textColumn('id', ['\u001b[2Jx\ny'])])])
    expect(lines).toEqual(['id', '·[2Jx·y', '1 row'])
  })

  it('says that there are no rows', async () => {
    expect((await show([])).lines).toEqual(['0 rows'])
  })

  it.each<[string, ToConsoleOptions]>([
    ['Expected option `rows` to be a positive integer, got `0` (number)', { rows: 0 }],
    [
      'Expected toConsole to be given only known options, got `row`; did you mean `rows`?',
      { row: 1 } as ToConsoleOptions,
    ],
  ])('says: %s', (message, options) => {
    expect(() => toConsole(options)).toThrow(expect.objectContaining({ code: 'OPTION', message }))
  })
})
