/**
 * Parquet: rows of (id, 40 floats, label), written and read by Millrace and by parquetjs-lite in turns.
 * Each measurement is a process of its own; the medians of the rounds are printed.
 *
 * Run: `npm run build && npx jiti bench/parquet.ts [rows=200000] [rounds=3]`
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { fromParquet } from '../connectors/from-parquet.ts'
import { toParquet } from '../connectors/to-parquet.ts'
import { batchOf, textColumn } from '../src/batch/batch.ts'
import { flowOf } from '../src/flow/flow.ts'
import { tensorColumn } from '../src/batch/tensor.ts'

const width = 40
const batchRows = 4096

interface Measured {
  readonly rowsPerSecond: number
  /** Processor seconds per million rows, all threads: on a busy machine steadier than the clock. */
  readonly cpuSeconds: number
  readonly risenMB: number
  readonly stallMs: number
}

interface ParquetJs {
  ParquetSchema: new (fields: object) => object
  ParquetWriter: {
    openFile(
      schema: object,
      path: string,
    ): Promise<{
      appendRow(row: object): Promise<void>
      setRowGroupSize(rows: number): void
      close(): Promise<void>
    }>
  }
  ParquetReader: {
    openFile(path: string): Promise<{
      getCursor(): { next(): Promise<object | null> }
      close(): Promise<void>
    }>
  }
}

function parquetJs(): ParquetJs {
  return createRequire(import.meta.url)('parquetjs-lite') as ParquetJs
}

/** A number from 0 to 1 for each place, the same in every run. */
function noise(place: number): number {
  const value = Math.sin(place * 12.9898) * 43_758.5453
  return value - Math.floor(value)
}

function* batches(numRows: number): Generator<RecordBatch> {
  for (let first = 0; first < numRows; first += batchRows) {
    const rows = Array.from({ length: Math.min(batchRows, numRows - first) }, (_, i) => first + i)
    const values = new Float32Array(rows.length * width)
    for (let i = 0; i < values.length; i++) values[i] = noise(first * width + i)
    yield batchOf([
      textColumn(
        'id',
        rows.map((row) => `item-${String(row)}`),
      ),
      tensorColumn('embedding', [width], values),
      textColumn(
        'label',
        rows.map((row) => `label-${String(row % 20)}`),
      ),
    ])
  }
}

function* objects(numRows: number): Generator<object> {
  for (let row = 0; row < numRows; row++)
    yield {
      id: `item-${String(row)}`,
      embedding: Array.from({ length: width }, (_, i) => noise(row * width + i)),
      label: `label-${String(row % 20)}`,
    }
}

/** Made before the clock starts, as the rows of parquetjs-lite are. */
let made: RecordBatch[] = []
let madeRows: object[] = []

const works: Readonly<Record<string, (path: string, rows: number) => Promise<number>>> = {
  async 'write millrace'(path) {
    return (await lastValueFrom(flowOf(made).pipe(toParquet(path)))).rows
  },
  async 'read millrace'(path) {
    let seen = 0
    for await (const batch of fromParquet(path)) seen += batch.numRows
    return seen
  },
  async 'read millrace, id only'(path) {
    let seen = 0
    for await (const batch of fromParquet(path, { columns: ['id'] })) seen += batch.numRows
    return seen
  },
  async 'write parquetjs-lite'(path, rows) {
    const { ParquetSchema, ParquetWriter } = parquetJs()
    const schema = new ParquetSchema({
      id: { type: 'UTF8', compression: 'SNAPPY' },
      embedding: { type: 'FLOAT', repeated: true, compression: 'SNAPPY' },
      label: { type: 'UTF8', compression: 'SNAPPY' },
    })
    const writer = await ParquetWriter.openFile(schema, path)
    writer.setRowGroupSize(batchRows)
    for (const row of madeRows) await writer.appendRow(row)
    await writer.close()
    return rows
  },
  async 'read parquetjs-lite'(path) {
    const reader = await parquetJs().ParquetReader.openFile(path)
    const cursor = reader.getCursor()
    let seen = 0
    while (await cursor.next()) seen++
    await reader.close()
    return seen
  },
}

async function measure(work: string, path: string, rows: number): Promise<Measured> {
  if (work === 'write millrace') made = [...batches(rows)]
  if (work === 'write parquetjs-lite') madeRows = [...objects(rows)]
  const before = process.memoryUsage().rss
  const used = process.cpuUsage()
  let most = before
  const sampling = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const seen = await works[work]?.(path, rows)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(used)
  clearInterval(sampling)
  delay.disable()
  if (seen !== rows) throw new Error(`Expected ${String(rows)} rows, got ${String(seen)}`)
  return {
    rowsPerSecond: rows / seconds,
    cpuSeconds: ((user + system) / 1e6) * (1e6 / rows),
    risenMB: (Math.max(most, process.memoryUsage().rss) - before) / 2 ** 20,
    stallMs: delay.max / 1e6,
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}

function compare(rows: number, rounds: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'bench-parquet-'))
  const slowRows = Math.min(rows, 20_000)
  const order = Object.keys(works).sort((a, b) => (a < b ? 1 : -1))
  const results = new Map<string, Measured[]>(order.map((work) => [work, []]))
  for (let round = 0; round < rounds; round++)
    for (const work of order) {
      const theirs = work.includes('parquetjs')
      const path = join(folder, theirs ? 'theirs.parquet' : 'ours.parquet')
      const script = fileURLToPath(import.meta.url)
      const command = ['jiti', script, '--measure', work, path, String(theirs ? slowRows : rows)]
      const out = execFileSync('npx', command, { encoding: 'utf8' })
      results.get(work)?.push(JSON.parse(out.trim().split('\n').at(-1) ?? '') as Measured)
    }
  console.log(
    `${String(rows)} rows (parquetjs-lite ${String(slowRows)}), medians of ${String(rounds)}`,
  )
  for (const [work, all] of results)
    console.log(
      work.padEnd(24),
      `${String(Math.round(median(all.map((m) => m.rowsPerSecond)) / 1000))}k rows/s`.padStart(14),
      `${median(all.map((m) => m.cpuSeconds)).toFixed(1)} CPU s/M rows`.padStart(20),
      `+${String(Math.round(median(all.map((m) => m.risenMB))))} MB`.padStart(10),
      `stall ${String(Math.round(median(all.map((m) => m.stallMs))))} ms`.padStart(14),
    )
  for (const name of ['ours', 'theirs'])
    console.log(name, `${(statSync(join(folder, `${name}.parquet`)).size / 2 ** 20).toFixed(1)} MB`)
  rmSync(folder, { recursive: true })
}

const [first, ...rest] = process.argv.slice(2)
if (first === '--measure') {
  const [work = '', path = '', rows = ''] = rest
  console.log(JSON.stringify(await measure(work, path, Number(rows))))
} else compare(Number(first ?? 200_000), Number(rest[0] ?? 3))
