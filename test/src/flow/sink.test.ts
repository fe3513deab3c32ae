import { RecordBatch, type Schema } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { batchOf, binaryColumn, textColumn } from '../../../src/batch/batch.ts'
import { Barrier, Control, Rejects } from '../../../src/flow/control.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { Run } from '../../../src/run/run-state.ts'
import { heavy } from '../../../src/batch/schema.ts'
import { sink, type SinkSpec, type WriteSummary } from '../../../src/flow/sink.ts'
import { countsOf, runFrom, saved } from '../../helpers/runs.ts'

const picture = binaryColumn('image', [new Uint8Array(2)])
const row = (id: string): RecordBatch =>
  batchOf([textColumn('id', [id]), { ...picture, field: heavy(picture.field) }])
const schema: Schema = row('a').schema

const rows = (values: readonly (RecordBatch | Control)[], error?: Error): Flow<RecordBatch> =>
  new Flow(
    async function* () {
      for (const value of values) yield await Promise.resolve(value)
      if (error) throw error
    },
    { name: 'rows', role: 'source', schema: () => schema, bounded: true },
  )

/** Writes ids to `log`, with every call that is made. */
function logged(log: string[], spec: Partial<SinkSpec<number>> = {}) {
  let written = 0
  return sink<number>({
    name: 'log',
    guarantee: 'exactly-once',
    open() {
      log.push('open')
      return {
        write(batch) {
          written += batch.numRows
          const names = batch.schema.fields.map((f) => f.name).join('+')
          log.push(`write ${String(batch.getChild('id')?.get(0))} ${names}`)
        },
        stage: () => (log.push(`stage ${String(written)}`), written),
        finish() {
          log.push('finish')
          const summary = { sink: 'log', location: 'memory', rows: written, bytes: 0, files: 1 }
          return { summary, state: written }
        },
        abort: (keep) => void log.push(keep ? 'abort, keep' : 'abort'),
      }
    },
    publish: (state) => void log.push(`publish ${String(state)}`),
    ...spec,
  })
}

const receipts = (flow: Flow<RecordBatch>, log: string[]): Promise<WriteSummary[]> =>
  lastValueFrom(flow.pipe(logged(log), toArray()))

describe('sink', () => {
  it('writes every batch without heavy columns, and answers with one receipt', async () => {
    const log: string[] = []
    expect(await receipts(rows([row('a'), row('b')]), log)).toEqual([
      { sink: 'log', location: 'memory', rows: 2, bytes: 0, files: 1 },
    ])
    expect(log).toEqual(['open', 'write a id', 'write b id', 'finish', 'publish 2'])
  })

  it('gives a receipt for no rows', async () => {
    const log: string[] = []
    expect(await receipts(rows([]), log)).toHaveLength(1)
    expect(log).toEqual(['open', 'finish', 'publish 0'])
  })

  it('writes the heavy columns that it is told to, and asks for no other', async () => {
    const log: string[] = []
    let asked: ReadonlySet<string> | undefined
    const input = new Flow<RecordBatch>(async function* (context) {
      asked = context.columns
      yield await Promise.resolve(row('a'))
    })
    await lastValueFrom(input.pipe(logged(log, { columns: ['image'] })))
    expect(log).toEqual(['open', 'write a id+image', 'finish', 'publish 1'])
    expect([...(asked ?? [])]).toEqual(['image'])
  })

  it('knows the schema that it writes', async () => {
    const written = flowOf(rows([]).pipe(logged([])))
    expect((await written.schema())?.fields.map((f) => f.name)).toEqual(['id'])
    expect(written.info).toMatchObject({ role: 'sink', guarantee: 'exactly-once' })
  })

  it('aborts when its input fails', async () => {
    const log: string[] = []
    await expect(receipts(rows([row('a')], new Error('source')), log)).rejects.toThrow('source')
    expect(log).toEqual(['open', 'write a id', 'abort'])
  })

  it('aborts when it fails itself', async () => {
    const log: string[] = []
    const full = logged(log, {
      open: () => ({
        write: () => Promise.reject(new Error('disk full')),
        finish: () => Promise.reject(new Error('not reached')),
        abort: () => void log.push('abort'),
      }),
    })
    await expect(lastValueFrom(rows([row('a')]).pipe(full))).rejects.toThrow('disk full')
    expect(log).toEqual(['abort'])
  })

  it('aborts when it is ended early', async () => {
    const log: string[] = []
    const ended = new AbortController()
    const waiting = new Flow<RecordBatch>(async function* ({ signal }) {
      yield row('a')
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve()
        })
      })
    })
    setTimeout(() => {
      ended.abort()
    }, 2)
    const flow = flowOf(waiting.pipe(logged(log)))
    const values = []
    for await (const value of flow.pull({ signal: ended.signal })) values.push(value)
    expect(values).toEqual([])
    expect(log).toEqual(['open', 'write a id', 'abort'])
  })

  it('stages at a barrier, publishes after it, leaves the rest to the end of the run, and passes rejects on in their place', async () => {
    const log: string[] = []
    const run = new Run()
    const barrier = new Barrier(1)
    const rejects = new Rejects([])
    const flow = flowOf(rows([row('a'), barrier, rejects, row('b')]).pipe(logged(log)))
    const passed = []
    const { signal } = new AbortController()
    for await (const value of flow.pull({ signal, run })) {
      passed.push(value instanceof Control ? value.type : 'receipt')
      if (value instanceof Barrier) await value.committed()
    }
    expect(passed).toEqual(['barrier', 'rejects', 'receipt'])
    expect(barrier.states.get('log')?.state).toBe(1)
    expect(log).toEqual(['open', 'write a id', 'stage 1', 'publish 1', 'write b id', 'finish'])
    for (const { publish } of run.publications) await publish()
    expect(log.at(-1)).toBe('publish 2')
    expect(countsOf(run)['log']).toEqual({ rowsIn: 2, rowsKept: 2, rejected: 0, dropped: 0 })
  })

  it('publishes again what the checkpoint had staged, before new rows', async () => {
    const log: string[] = []
    const run = runFrom(new Map([['log', saved(5)]]))
    const flow = flowOf(rows([row('c')]).pipe(logged(log)))
    const { signal } = new AbortController()
    for await (const value of flow.pull({ signal, run })) expect(value).toMatchObject({ rows: 1 })
    expect(log).toEqual(['publish 5', 'open', 'write c id', 'finish'])
  })
})
