/** The start of a pipeline file: a source of `n` rows, an operator that refuses ids ending in 3, and a sink that prints. */
export const parts = `
import { batchOf, type Context, operate, Rejects, sink, source, take, textColumn } from 'millrace'
import type { RecordBatch } from 'apache-arrow'

const rows = (n: number, wait = false) => source<RecordBatch, number>({
  name: 'rows',
  bounded: !wait,
  schema: () => batchOf([textColumn('id', [])]).schema,
  memoryBytes: 2_000,
  settings: { n },
  async *read({ signal }: Context) {
    for (let i = 0; i < n; i++) yield [batchOf([textColumn('id', ['row' + String(i)])]), i]
    if (wait) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  },
})

const refuse = () => operate<RecordBatch, RecordBatch>({
  name: 'refuse',
  schema: (input) => input,
  start: () => ({
    *next(batch) {
      const id = String(batch.getChild('id')?.get(0))
      if (id.endsWith('3')) yield new Rejects([{ id, operator: 'refuse', code: 'DATA', message: 'Expected no 3', attempt: 1 }])
      else yield batch
    },
  }),
})

const out = () => sink({
  name: 'out',
  guarantee: 'at-least-once',
  open() {
    const ids: string[] = []
    return {
      write: (batch) => void ids.push(String(batch.getChild('id')?.get(0))),
      finish() {
        process.stdout.write('published ' + ids.join(' ') + '\\n')
        const rows = ids.length
        return { summary: { sink: 'out', location: 'stdout', rows, bytes: 7 * rows, files: 1 } }
      },
      abort: () => void process.stderr.write('aborted\\n'),
    }
  },
})
`

/** A source that is bounded, says on stderr that it has begun, and never ends by itself. */
export const stuck = `
const stuck = (bounded: boolean) => source<RecordBatch, number>({
  name: 'stuck',
  bounded,
  schema: () => batchOf([textColumn('id', [])]).schema,
  async *read({ signal }: Context) {
    yield [batchOf([textColumn('id', ['row0'])]), 0]
    process.stderr.write('waiting\\n')
    const alive = setInterval(() => undefined, 1_000)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    clearInterval(alive)
  },
})
`

/** A source of 5 rows that stops after the third until it is resumed, and says so on stderr. */
export const halting = `
import { toJsonl } from 'millrace/connectors/to-jsonl'

const halting = (bounded: boolean) => source<RecordBatch, number>({
  name: 'halting',
  bounded,
  schema: () => batchOf([textColumn('id', [])]).schema,
  async *read({ signal }: Context, from) {
    for (let i = from ?? 0; i < 5; i++) {
      yield [batchOf([textColumn('id', ['row' + String(i)])]), i + 1]
      if (i !== 2) continue
      process.stderr.write('waiting\\n')
      const alive = setInterval(() => undefined, 1_000)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      clearInterval(alive)
    }
  },
})
`
