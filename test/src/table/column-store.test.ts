import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch, RecordBatchReader, Schema } from 'apache-arrow'
import { lastValueFrom, map, type Observable, toArray } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  batchOf,
  binaryColumn,
  column,
  concat,
  float64Column,
  int32Column,
  textColumn,
  withColumns,
} from '../../../src/batch/batch.ts'
import { ColumnFile } from '../../../src/table/column-file.ts'
import { operateTable, type StoredTable, TableFlow } from '../../../src/table/column-store.ts'
import { drained } from '../../../src/table/drained.ts'
import { nodeDisk } from '../../../src/disk.ts'
import type { Context } from '../../../src/flow/context.ts'
import { Barrier, Control, type Reject, Rejects } from '../../../src/flow/control.ts'
import { retainedBytes } from '../../../src/batch/data-bytes.ts'
import { SchemaError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { Slot } from '../../../src/flow/slot.ts'
import { decodeBatch, encodeBatch } from '../../../src/batch/ipc.ts'
import { kernel } from '../../../src/kernels/kernel.ts'
import { Run } from '../../../src/run/run-state.ts'
import { heavy, requireField, schemaWith } from '../../../src/batch/schema.ts'
import { everyType, plainValues } from '../../helpers/every-type.ts'
import { countsOf, runFrom } from '../../helpers/runs.ts'

let spillDir: string
let run: Run
beforeEach(async () => {
  spillDir = await mkdtemp(join(tmpdir(), 'store-test-'))
  run = new Run({ spillDir })
})
afterEach(async () => {
  await rm(spillDir, { recursive: true, force: true })
})

const never = new AbortController().signal
const about = new Schema(
  everyType.map((c) => c.field),
  new Map([['set', 'all']]),
)
const wide = batchOf(everyType, about)
const reject: Reject = { id: 'x', operator: 'decode', code: 'DAMAGED', message: 'cut', attempt: 1 }

/** A flow of these batches and control messages. */
function flowOver(
  values: readonly (RecordBatch | Control)[],
  schema = wide.schema,
): Flow<RecordBatch> {
  return new Flow(
    async function* () {
      for (const value of values) yield await Promise.resolve(value)
    },
    { name: 'rows', role: 'source', bounded: true, schema: () => schema },
  )
}

const numbers = (from: number, to: number): RecordBatch => {
  const values = Array.from({ length: to - from }, (_, i) => from + i)
  return batchOf([
    textColumn('id', values.map(String)),
    float64Column('x', Float64Array.from(values)),
  ])
}

/** Adds a column that is `column` summed up so far: it has to see the rows in order. */
function sums(name: string, of: string, seen: StoredTable[] = []) {
  return operateTable({
    name,
    schema: (input) => {
      requireField(input, of, { owner: name, kind: 'number' })
      return schemaWith(input, [float64Column(name, new Float64Array()).field])
    },
    async *run(table) {
      seen.push(table)
      let sum = 0
      for await (const batch of table.read([of]))
        yield batchOf([
          float64Column(
            name,
            Float64Array.from(column(batch, of).toArray() as Float64Array, (x) => (sum += x)),
          ),
        ])
    },
  })
}

async function pulled<T>(flow: Observable<T>, context: object = {}): Promise<(T | Control)[]> {
  const out: (T | Control)[] = []
  for await (const value of flowOf(flow).pull({ signal: never, run, ...context })) out.push(value)
  return out
}

const rowsOf = (values: readonly unknown[]) =>
  values.filter((value) => value instanceof RecordBatch)

/** Sizes of the spilled files by name, over all tables. */
function spilled(): Record<string, number> {
  const files = readdirSync(spillDir, { recursive: true, encoding: 'utf8' }).filter((f) =>
    f.endsWith('.arrow'),
  )
  return Object.fromEntries(
    files.map((f) => [f.replace(/.*\/\d+-/, ''), statSync(join(spillDir, f)).size]),
  )
}

/** The rows of `source`, stored. */
async function storedTable(source: Flow<RecordBatch>, context: Context): Promise<StoredTable> {
  const making = drained(source, { stage: 'stage', slot: new Slot('stage'), context })
  for (;;) {
    const { done, value } = await making.next()
    if (done) return value
  }
}

describe('drained', () => {
  it.each([1, 2, 5])(
    'gives back rows of every type as they were, from batches of %i',
    async (size) => {
      const batches = []
      for (let at = 0; at < 5; at += size) batches.push(wide.slice(at, at + size))
      const table = await storedTable(flowOver(batches), { signal: never, run })
      const out: RecordBatch[] = []
      for await (const batch of table.read()) out.push(batch)
      expect(out).toHaveLength(1)
      const [read] = out as [RecordBatch]
      expect(read.schema.metadata.get('set')).toBe('all')
      for (const { field, vector } of everyType) {
        const back = column(read, field.name)
        expect(plainValues(back)).toEqual(plainValues(vector))
        expect(String(back.type)).toBe(String(vector.type))
        const stored = read.schema.fields.find((f) => f.name === field.name)
        expect(stored?.metadata.get('about')).toBe(field.name)
      }
      await table.close()
      expect(spilled()).toEqual({})
    },
  )

  it('keeps one Arrow IPC stream per column, a batch per block', async () => {
    const table = await storedTable(flowOver([numbers(0, 5000), numbers(5000, 9000)]), {
      signal: never,
      run,
    })
    const file = readdirSync(spillDir, { recursive: true, encoding: 'utf8' }).find((f) =>
      f.endsWith('-x.arrow'),
    )
    const sizes = [...RecordBatchReader.from(await readFile(join(spillDir, file ?? '')))].map(
      (b) => b.numRows,
    )
    expect(sizes).toEqual([4096, 4096, 808])
    expect(table.bytes).toBeLessThanOrEqual(Object.values(spilled()).reduce((a, b) => a + b))
    await table.close()
  })

  it('reads in blocks that do not depend on the batches', async () => {
    const sizes = async (batches: RecordBatch[]) => {
      const table = await storedTable(flowOver(batches), { signal: never, run })
      const out: number[] = []
      const all: RecordBatch[] = []
      for await (const batch of table.read(['x'])) {
        out.push(batch.numRows)
        all.push(batch)
      }
      expect(column(concat(all), 'x').toArray()).toStrictEqual(
        Float64Array.from({ length: 9000 }, (_, i) => i),
      )
      await table.close()
      return out
    }
    expect(await sizes([numbers(0, 9000)])).toEqual([4096, 4096, 808])
    expect(
      await sizes(Array.from({ length: 9 }, (_, i) => numbers(i * 1000, (i + 1) * 1000))),
    ).toEqual([4096, 4096, 808])
  })

  it('opens the files of the columns asked for, and no other', async () => {
    const table = await storedTable(flowOver([wide]), { signal: never, run })
    for (const file of readdirSync(spillDir, { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('.arrow') && !file.endsWith('-tensor.arrow')) rmSync(join(spillDir, file))
    for await (const batch of table.read(['tensor'])) expect(batch.schema.names).toEqual(['tensor'])
    await expect(table.read(['utf8']).next()).rejects.toThrow('ENOENT')
    await expect(table.read(['tensr']).next()).rejects.toThrow(SchemaError)
    await table.close()
  })

  it('cuts blocks of large rows by bytes, and aligns the other columns to them', async () => {
    const big = Array.from({ length: 5 }, (_, i) => new Uint8Array(12 * 2 ** 20).fill(i))
    const batch = batchOf([int32Column('n', [0, 1, 2, 3, 4]), binaryColumn('image', big)])
    const table = await storedTable(flowOver([batch]), { signal: never, run })
    const seen: unknown[][] = []
    for await (const read of table.read()) {
      seen.push([...column(read, 'n')] as unknown[])
      for (let row = 0; row < read.numRows; row++)
        expect((column(read, 'image').get(row) as Uint8Array)[7]).toBe(column(read, 'n').get(row))
    }
    expect(seen).toEqual([[0, 1], [2, 3], [4]])
    expect((await table.readBlock(0, ['n', 'image'])).numRows).toBe(5)
    await table.close()
  })

  it('reads any block', async () => {
    const table = await storedTable(flowOver([numbers(0, 9000)]), { signal: never, run })
    expect(table.numBlocks).toBe(3)
    const block = await table.readBlock(1, ['x', 'id'])
    expect(block.numRows).toBe(4096)
    expect(block.get(1)?.toJSON()).toEqual({ x: 4097, id: '4097' })
    await expect(table.readBlock(3, ['x'])).rejects.toThrow(RangeError)
    await table.close()
  })

  it('refuses batches of another schema', async () => {
    const make = (batch: RecordBatch) =>
      storedTable(flowOver([numbers(0, 2), batch]), { signal: never, run })
    await expect(make(wide)).rejects.toThrow(SchemaError)
    const other = batchOf([textColumn('id', ['a']), textColumn('x', ['b'])])
    await expect(make(other)).rejects.toThrow(
      'Expected column `x` to be Float64 in every batch, got Utf8',
    )
    expect(spilled()).toEqual({})
  })

  it('takes a flow without rows', async () => {
    const table = await storedTable(flowOver([]), { signal: never, run })
    expect(table.numRows).toBe(0)
    expect(String(table.schema)).toBe(String(wide.schema))
    expect(await table.read().next()).toEqual({ done: true, value: undefined })
    await table.close()
  })

  it('does not keep the batch of a slim column alive', async () => {
    const images = Array.from({ length: 40 }, () => new Uint8Array(2 ** 20))
    const batch = batchOf([
      int32Column(
        'n',
        images.map((_, i) => i),
      ),
      binaryColumn('image', images),
    ])
    // As it comes from a file: all columns of a batch over one array.
    const read = decodeBatch(encodeBatch(batch))
    expect(retainedBytes(read.data.children[0] as never)).toBeGreaterThan(40 * 2 ** 20)
    const place = { disk: nodeDisk, pathOf: (name: string) => join(spillDir, name) }
    const writer = await new ColumnFile(read.schema.fields[0] as never, 'n.arrow', place).write()
    await writer.push(read.data.children[0] as never)
    expect(writer.retainedBytes).toBeLessThan(100_000)
    await writer.finish(false)
  })
})

describe('operateTable', () => {
  const chain = (seen: StoredTable[] = []) =>
    flowOf(
      flowOver([numbers(0, 3000), numbers(3000, 5000)], numbers(0, 1).schema).pipe(
        sums('a', 'x', seen),
        sums('b', 'a', seen),
        sums('c', 'b', seen),
      ),
    )

  it.each([1, 7, 20])(
    'adds its columns, in the order of the rows, from batches of %i',
    async (size) => {
      const batches = []
      for (let at = 0; at < 20; at += size) batches.push(numbers(at, Math.min(20, at + size)))
      const out = rowsOf(await pulled(flowOver(batches).pipe(sums('a', 'x'))))
      const all = concat(out)
      let sum = 0
      expect(column(all, 'a').toArray()).toStrictEqual(
        Float64Array.from({ length: 20 }, (_, i) => (sum += i)),
      )
      expect(all.schema.names).toEqual(['id', 'x', 'a'])
    },
  )

  it('spills the rows once for a chain, each operator writing its own columns alone', async () => {
    const after: Record<string, number>[] = []
    const seen: StoredTable[] = []
    let pulls = 0
    const source = new Flow<RecordBatch>(async function* () {
      pulls++
      yield await Promise.resolve(numbers(0, 5000))
    })
    const note = (name: string, of: string) => (input: Observable<RecordBatch>) =>
      input.pipe(
        operateTable({
          name,
          schema: (s) => schemaWith(s, [float64Column(name, new Float64Array()).field]),
          async *run(table) {
            seen.push(table)
            after.push(spilled())
            for await (const b of table.read([of]))
              yield batchOf([{ ...float64Column(name, new Float64Array()), vector: column(b, of) }])
          },
        }),
      )
    const out = await pulled(note('c', 'b')(note('b', 'a')(note('a', 'x')(source))))
    expect(pulls).toBe(1)
    expect(after.map((files) => Object.keys(files).sort())).toEqual([
      ['id.arrow', 'x.arrow'],
      ['a.arrow', 'id.arrow', 'x.arrow'],
      ['a.arrow', 'b.arrow', 'id.arrow', 'x.arrow'],
    ])
    for (const [name, size] of Object.entries(after[0] ?? {})) expect(after[2]?.[name]).toBe(size)
    expect(seen[2]?.bytes).toBeGreaterThan(seen[0]?.bytes ?? Infinity)
    expect(rowsOf(out).map((b) => b.numRows)).toEqual([4096, 904])
    expect(spilled()).toEqual({})
  })

  it('is a stage over the same table, and foreign operators end it', async () => {
    expect(chain()).toBeInstanceOf(TableFlow)
    expect((await chain().schema())?.names).toEqual(['id', 'x', 'a', 'b', 'c'])
    expect(chain().info.settings?.['spill']).toBe('own columns')
    const through = flowOver([numbers(0, 3)]).pipe(
      sums('a', 'x'),
      map((b) => b),
      sums('b', 'a'),
    )
    expect(flowOf(through).info.settings?.['spill']).toBe('all columns')
    const out = await lastValueFrom(through.pipe(toArray()))
    expect(out.map((b) => [...column(b, 'b')] as unknown[])).toEqual([[0, 1, 4]])
  })

  it('replaces a column of the same name', async () => {
    const out = rowsOf(await pulled(flowOver([numbers(1, 4)]).pipe(sums('x', 'x'))))
    expect([...column(out[0] as RecordBatch, 'x')]).toEqual([1, 3, 6])
    expect((out[0] as RecordBatch).schema.names).toEqual(['id', 'x'])
  })

  it('lets rejects out in front of the rows, and passes barriers while it drains', async () => {
    const barrier = new Barrier(1)
    const later = { ...reject, id: 'y' }
    const out = await pulled(
      flowOver([
        numbers(0, 2),
        new Rejects([reject]),
        barrier,
        numbers(2, 3),
        new Rejects([later]),
      ]).pipe(sums('a', 'x'), sums('b', 'a')),
    )
    expect((out[0] as Rejects).rows).toEqual([reject])
    expect(out[1]).toBe(barrier)
    expect((out[2] as Rejects).rows).toEqual([later])
    expect(out).toHaveLength(4)
    expect([...column(out[3] as RecordBatch, 'b')]).toEqual([0, 1, 4])
    expect([...barrier.states.keys()]).toEqual(['a', 'a messages', 'b', 'b messages', 'b rows'])
    expect(countsOf(run)).toMatchObject({
      a: { rowsIn: 3, rowsKept: 3, rejected: 0, dropped: 0 },
      b: { rowsIn: 3, rowsKept: 3, rejected: 0, dropped: 0 },
    })
  })

  it('goes on with the rows that it had at a barrier', async () => {
    const barrier = new Barrier(1)
    const dying = flowOver([wide, wide.slice(0, 3), new Rejects([reject]), barrier, wide])
    const first = flowOf(dying.pipe(count))
    const durable = runFrom(new Map(), spillDir)
    for await (const value of first.pull({ signal: never, run: durable }))
      if (value === barrier) break
    const resumed = runFrom(barrier.states, spillDir)
    const out = await pulled(flowOver([wide.slice(3)]).pipe(count), {
      run: resumed,
    })
    const whole = concat(rowsOf(out))
    expect([...column(whole, 'row')]).toEqual([...Array(10).keys()])
    for (const { field, vector } of everyType) {
      const once = plainValues(vector)
      expect(plainValues(column(whole, field.name))).toEqual([...once, ...once])
    }
  })

  it('stores and emits the heavy columns that are wanted alone', async () => {
    const image = {
      ...binaryColumn('image', [Uint8Array.of(1)]),
      field: heavy(binaryColumn('image', []).field),
    }
    const pixels = {
      ...binaryColumn('pixels', [Uint8Array.of(2)]),
      field: heavy(binaryColumn('pixels', []).field),
    }
    const batch = withColumns(numbers(0, 1), [image, pixels])
    let stored: unknown
    const reads = operateTable({
      name: 'reads',
      reads: ['pixels'],
      schema: (input) => input,
      async *run(table) {
        stored = table.schema.names
        yield* table.read(['x'])
      },
    })
    const read = async (columns?: Set<string>) => {
      const out = await pulled(flowOver([batch]).pipe(reads), columns ? { columns } : {})
      return (rowsOf(out)[0] as RecordBatch).schema.names
    }
    expect(await read(new Set())).toEqual(['id', 'x'])
    expect(stored).toEqual(['id', 'x', 'pixels'])
    expect(await read(new Set(['image']))).toEqual(['id', 'x', 'image'])
    expect(await read()).toEqual(['id', 'x', 'image', 'pixels'])
    expect(stored).toEqual(['id', 'x', 'image', 'pixels'])
  })

  it('cleans up after an early end, an error and a full run, with and without a run', async () => {
    const before = readdirSync(tmpdir()).filter((f) => f.startsWith('millrace-table-'))
    for await (const batch of chain()) {
      expect(batch.numRows).toBe(4096)
      break
    }
    const abort = new AbortController()
    const pulling = chain().pull({ signal: abort.signal, run })
    for await (const value of pulling) {
      expect(value).toBeInstanceOf(RecordBatch)
      abort.abort()
      break
    }
    const failing = operateTable({
      name: 'failing',
      schema: (s) => s,

      *run() {
        throw new Error('broken')
      },
    })
    await expect(pulled(flowOver([wide]).pipe(failing))).rejects.toThrow('broken')
    const short = operateTable({ name: 'short', schema: (s) => s, run: () => [numbers(0, 1)] })
    await expect(pulled(flowOver([numbers(0, 2)]).pipe(short))).rejects.toThrow(
      'Expected columns of 2 rows, got 1',
    )
    const source = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(wide)
      throw new Error('source')
    })
    await expect(pulled(source.pipe(sums('a', 'int8')))).rejects.toThrow('source')
    expect(spilled()).toEqual({})
    const after = readdirSync(tmpdir()).filter((f) => f.startsWith('millrace-table-'))
    expect(after).toEqual(before)
    await run.close()
    expect(existsSync(spillDir) && readdirSync(spillDir)).toEqual([])
  })

  it('lets the kernel go before rows are read out', async () => {
    const learning = kernel()
    for await (const batch of chain()) {
      expect(batch.numRows).toBe(4096)
      expect(kernel()).not.toBe(learning)
      break
    }
  })

  it('does not take a stream that was cut for the whole', async () => {
    const abort = new AbortController()
    let ran = false
    const source = new Flow<RecordBatch>(async function* ({ signal }) {
      yield await Promise.resolve(numbers(0, 2))
      abort.abort()
      if (signal.aborted) return
      yield numbers(2, 4)
    })
    const blocking = operateTable({
      name: 'blocking',
      schema: (s) => s,
      *run() {
        ran = true
        yield numbers(0, 2)
      },
    })
    const reading = pulled(source.pipe(blocking), { signal: abort.signal })
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(ran).toBe(false)
  })

  it('has nothing to do without rows, but knows its schema', async () => {
    const flow = flowOver([], numbers(0, 1).schema).pipe(sums('a', 'x'), sums('b', 'a'))
    expect(await pulled(flow)).toEqual([])
    const wrong = flowOver([], numbers(0, 1).schema).pipe(sums('a', 'id'))
    await expect(flowOf(wrong).schema()).rejects.toThrow(SchemaError)
  })
})

/** Numbers the rows; blocking. */
const count = operateTable({
  name: 'count',
  schema: (input) => schemaWith(input, [int32Column('row', []).field]),
  async *run(table) {
    let row = 0
    for await (const batch of table.read(['utf8']))
      yield batchOf([
        int32Column(
          'row',
          Array.from({ length: batch.numRows }, () => row++),
        ),
      ])
  },
})

describe('a table in a run', () => {
  it('makes the table once for all who read it in a run, and removes it after the last', async () => {
    let drained = 0
    const barrier = new Barrier(1)
    run.request(barrier)
    const source = new Flow<RecordBatch>(async function* () {
      drained++
      yield await Promise.resolve(numbers(0, 3))
      yield new Rejects([{ id: 'r', operator: 'o', code: 'C', message: 'm', attempt: 1 }])
      yield barrier
      yield numbers(3, 5)
    })
    const stage = source.pipe(sums('a', 'x'))
    const reads = [stage, stage.pipe(sums('b', 'a')), stage.pipe(sums('c', 'a'))]
    const [plain, b, c] = await Promise.all(reads.map((flow) => pulled(flow)))
    expect(drained).toBe(1)
    const values = (out: unknown[] | undefined, name: string): unknown[] =>
      rowsOf(out ?? []).flatMap((batch) => [...column(batch, name)] as unknown[])
    expect(values(plain, 'a')).toEqual([0, 1, 3, 6, 10])
    expect(values(b, 'b')).toEqual([0, 1, 4, 10, 20])
    expect(values(c, 'c')).toEqual([0, 1, 4, 10, 20])
    const counts = (type: string): number[] =>
      [plain, b, c].map(
        (out) => out?.filter((v) => v instanceof Control && v.type === type).length ?? 0,
      )
    expect(counts('rejects')).toEqual([1, 0, 0])
    expect(counts('barrier')).toEqual([1, 1, 1])
    expect(spilled()).toEqual({})
    await pulled(stage)
    expect(drained).toBe(2)
  })

  it('fails all who read a table that cannot be made', async () => {
    const source = new Flow<RecordBatch>(async function* () {
      yield await Promise.resolve(numbers(0, 3))
      throw new Error('source')
    })
    const stage = source.pipe(sums('a', 'x'))
    const results = await Promise.allSettled([pulled(stage), pulled(stage)])
    expect(results.map((r) => r.status)).toEqual(['rejected', 'rejected'])
  })
})
