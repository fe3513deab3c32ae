import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
import {
  Compression,
  EnabledStatistics,
  initSync,
  readParquet,
  readSchema,
  Table,
  writeParquet,
  WriterPropertiesBuilder,
} from 'parquet-wasm/esm'
import { collect } from '../tasks/collect.ts'
import { serve, Transfer } from '../worker.ts'
import { withLimitedMemory } from './limited-memory.ts'

/** What the thread needs from its start. */
export interface ParquetSetup {
  /** Most bytes of memory that the library may take. */
  readonly memoryBytes: number
  /** The library with that bound, where another thread has compiled it already. */
  readonly library: CompiledLibrary | undefined
}

/** A `WebAssembly.Module`, of which Node's types (20) know nothing. */
export type CompiledLibrary = object

/** How row groups are compressed. */
export type ParquetCompression = 'zstd' | 'snappy' | 'gzip' | 'none'

/** What it takes to write one row group. */
export interface WriteMessage {
  /** Its rows as an Arrow IPC stream of one batch at most. */
  readonly ipc: Uint8Array
  /** See {@link ParquetCompression}. */
  readonly compression: ParquetCompression
  /** Columns written with a dictionary of their values. */
  readonly dictionaries: readonly string[]
}

const codecs: Readonly<Record<ParquetCompression, Compression>> = {
  zstd: Compression.ZSTD,
  snappy: Compression.SNAPPY,
  gzip: Compression.GZIP,
  none: Compression.UNCOMPRESSED,
}

const setup = workerData as ParquetSetup
const library = setup.library ?? compiled(setup.memoryBytes)
initSync({ module: library })
// What was compiled here leaves 10 MB of bytes behind, which would stay while the thread is idle.
if (!setup.library) collect()

/** Tables that are being read, by number. What is not freed stays in WebAssembly memory for good. */
const tables = new Map<number, Table>()
let opened = 0

/** The methods of the Parquet worker. */
export const methods = {
  /** The library as it was compiled, for other threads. */
  library(): CompiledLibrary {
    return library
  },

  /** The Arrow schema of a file that has no row group, as an Arrow IPC stream. */
  schema(file: Uint8Array): Transfer<Uint8Array> {
    return moved(readSchema(file).intoIPCStream())
  },

  /** Reads a file whole and keeps its rows; says under which number and in how many batches. */
  open({ file, batchRows }: { file: Uint8Array; batchRows: number }): {
    table: number
    batches: number
  } {
    const table = readParquet(file, { batchSize: batchRows })
    tables.set(++opened, table)
    return { table: opened, batches: table.numBatches }
  },

  /** One batch of an open table, as an Arrow IPC stream. */
  batch({ table, index }: { table: number; index: number }): Transfer<Uint8Array> {
    const batch = tables.get(table)?.recordBatch(index)
    if (!batch) throw new Error(`Expected an open table with a batch ${String(index)}`)
    return moved(batch.intoIPCStream())
  },

  /** Frees an open table. */
  free(table: number): void {
    tables.get(table)?.free()
    tables.delete(table)
  },

  /** Frees all tables; returns the bytes of memory that the library and buffers still hold. */
  clear(): number {
    for (const number of tables.keys()) methods.free(number)
    return process.memoryUsage().external
  },

  /** Writes one row group as a file of its own. */
  write({ ipc, compression, dictionaries }: WriteMessage): Transfer<Uint8Array> {
    let builder = new WriterPropertiesBuilder()
      .setCompression(codecs[compression])
      .setDictionaryEnabled(false)
      .setStatisticsEnabled(EnabledStatistics.Chunk)
      .setMaxRowGroupSize(2 ** 31 - 1)
    for (const column of dictionaries) builder = builder.setColumnDictionaryEnabled(column, true)
    return moved(writeParquet(Table.fromIPCStream(ipc), builder.build()))
  },
}

serve(methods)

function compiled(memoryBytes: number): CompiledLibrary {
  const file = createRequire(import.meta.url).resolve('parquet-wasm/esm/parquet_wasm_bg.wasm')
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Module: new (bytes: Uint8Array) => CompiledLibrary }
  }
  return new WebAssembly.Module(withLimitedMemory(readFileSync(file), memoryBytes))
}

function moved(bytes: Uint8Array): Transfer<Uint8Array> {
  return new Transfer(bytes, [bytes.buffer as ArrayBuffer])
}
