/**
 * Parquet beside DuckDB: 1,000,000 rows of an id and 40 float32 columns, zstd, row groups of 65,536.
 *
 * - Scan: the same file, all columns. Millrace into Arrow batches of 4,096 rows; DuckDB into its chunks of 2,048, of which
 *   every column's vector is taken (its buffer; no value becomes an object of JavaScript). Both with 2 threads.
 * - Write: the same rows, from memory. Millrace from Arrow batches by `toParquet`, DuckDB from a table by
 *   `COPY … TO (FORMAT parquet, COMPRESSION zstd)`. Both sync nothing but what they sync by default: Millrace its file.
 *
 * Each measurement is a process of its own; they take turns, and the medians and their ratio are printed.
 *
 * Run: `npm run build && npx jiti bench/parquet-duckdb.ts [rows=1000000] [rounds=5]`
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { fromParquet } from '../connectors/from-parquet.ts'
import { toParquet } from '../connectors/to-parquet.ts'
import { flowOf } from '../src/flow/flow.ts'

const width = 40
const threads = 2
const copyOptions = '(format parquet, compression zstd, row_group_size 65536)'

interface Measured {
  readonly rowsPerSecond: number
  /** Processor seconds per million rows, all threads: on a busy machine steadier than the clock. */
  readonly cpuSeconds: number
}

async function duckdb(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) })
  return instance.connect()
}

async function makeFile(path: string, rows: number): Promise<void> {
  const columns = Array.from({ length: width }, (_, i) => `random()::float as f${String(i)}`)
  const connection = await duckdb()
  await connection.run('select setseed(0.5)')
  await connection.run(
    `copy (select 'item-' || range as id, ${columns.join()} from range(${String(rows)})) to '${path}' ${copyOptions}`,
  )
}

/** Prepares a measurement and returns what is measured: rows read or written. */
const works: Readonly<Record<string, (path: string) => Promise<() => Promise<number>>>> = {
  'scan millrace': (path) =>
    Promise.resolve(async () => {
      let rows = 0
      for await (const batch of fromParquet(path, { threads })) rows += batch.numRows
      return rows
    }),

  async 'scan duckdb'(path) {
    const connection = await duckdb()
    return async () => {
      const result = await connection.stream(`select * from read_parquet('${path}')`)
      let rows = 0
      for (let chunk; (chunk = await result.fetchChunk()) && chunk.rowCount > 0;) {
        for (let i = 0; i < chunk.columnCount; i++)
          if (chunk.getColumnVector(i).itemCount !== chunk.rowCount) throw new Error('short vector')
        rows += chunk.rowCount
      }
      return rows
    }
  },

  async 'write millrace'(path) {
    const batches: RecordBatch[] = []
    for await (const batch of fromParquet(path)) batches.push(batch)
    return async () => (await lastValueFrom(flowOf(batches).pipe(toParquet(`${path}.ours`)))).rows
  },

  async 'write duckdb'(path) {
    const connection = await duckdb()
    await connection.run(`create table t as select * from read_parquet('${path}')`)
    return async () =>
      (await connection.run(`copy t to '${path}.theirs' ${copyOptions}`)).rowsChanged
  },
}

async function measure(work: string, path: string, rows: number): Promise<Measured> {
  const run = await works[work]?.(path)
  const used = process.cpuUsage()
  const start = performance.now()
  const seen = await run?.()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(used)
  if (seen !== rows) throw new Error(`Expected ${String(rows)} rows, got ${String(seen)}`)
  return { rowsPerSecond: rows / seconds, cpuSeconds: (user + system) / rows }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}

async function compare(rows: number, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-parquet-duckdb-'))
  const path = join(folder, 'rows.parquet')
  const script = fileURLToPath(import.meta.url)
  const results = new Map<string, Measured[]>(Object.keys(works).map((work) => [work, []]))
  try {
    await makeFile(path, rows)
    for (let round = 0; round < rounds; round++)
      for (const [work, all] of results) {
        const command = ['jiti', script, '--measure', work, path, String(rows)]
        const out = execFileSync('npx', command, { encoding: 'utf8' })
        all.push(JSON.parse(out.trim().split('\n').at(-1) ?? '') as Measured)
      }
    const megabytes = ['', '.ours', '.theirs'].map((end) => statSync(path + end).size / 2 ** 20)
    console.log(`${String(rows)} rows, medians of ${String(rounds)}; MB`, megabytes.map(Math.round))
    for (const what of ['scan', 'write']) print(what, results)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function print(what: string, results: ReadonlyMap<string, readonly Measured[]>): void {
  const [ours, theirs] = ['millrace', 'duckdb'].map((engine) => {
    const all = results.get(`${what} ${engine}`) ?? []
    const rate = median(all.map((m) => m.rowsPerSecond))
    const cpu = median(all.map((m) => m.cpuSeconds))
    console.log(
      `${what} ${engine}`.padEnd(16),
      `${String(Math.round(rate / 1000))}k rows/s`.padStart(14),
      `${cpu.toFixed(1)} CPU s/M rows`.padStart(20),
    )
    return { rate, cpu }
  }) as [{ rate: number; cpu: number }, { rate: number; cpu: number }]
  const times = (ratio: number) => `${ratio.toFixed(2)}×`
  console.log(
    `${what}: ${times(ours.rate / theirs.rate)} the rate of DuckDB, ${times(ours.cpu / theirs.cpu)} its processor time`,
  )
}

const [first, ...rest] = process.argv.slice(2)
if (first === '--measure') {
  const [work = '', path = '', rows = ''] = rest
  console.log(JSON.stringify(await measure(work, path, Number(rows))))
  process.exit()
} else await compare(Number(first ?? 1_000_000), Number(rest[0] ?? 5))
