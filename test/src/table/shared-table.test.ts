import type { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { RejectLimitError } from '../../../src/errors.ts'
import { operate } from '../../../src/flow/operate.ts'
import { run } from '../../../src/run/run.ts'
import { operateTable } from '../../../src/table/column-store.ts'
import { letters, nothing, refuse, toKept } from '../../helpers/flows.ts'

/** Needs all rows, and adds no column. */
const table = operateTable({ name: 'table', schema: (input) => input, run: () => [] })

/** Takes its time to close. */
const slow = operate<RecordBatch, RecordBatch>({
  name: 'slow',
  start: () => ({
    *next(batch) {
      yield batch
    },
    close: () => new Promise((resolve) => setTimeout(resolve, 5)),
  }),
})

describe('a table that several flows read', () => {
  it('fails with what ended the reader that makes it, not with that it ended', async () => {
    const stage = letters('a', 400).pipe(refuse('1'), table)
    const job = {
      makes: stage.pipe(slow, toKept(nothing())),
      waits: stage.pipe(toKept(nothing())),
    }
    await expect(run(job, { maxRejectRatio: 0.01 })).rejects.toThrow(RejectLimitError)
  })
})
