import { RecordBatch, type Vector } from 'apache-arrow'
import { ConnectorError, DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { type Reject, Rejects } from '../../src/flow/control.ts'
import type { Flow } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { plainValues } from './every-type.ts'
import { watch } from './hang-watch.ts'

/** What all random inputs come from; another one by `MILLRACE_FUZZ_SEED`. */
export const fuzzSeed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? 20_261_129)

/** How many times the inputs that CI tries are tried; more by `MILLRACE_FUZZ_RUNS`. */
export const fuzzRuns = Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 1)

/** How long an input may take. */
const limitMs = 30_000

/** What buffers may grow by while an input is read: many times the size of any. */
const limitBytes = 256 * 2 ** 20

/** What became of an input. */
export interface Outcome {
  readonly rows: number
  /** The values of a column, as plain data. */
  readonly values: (column: string) => readonly unknown[]
  readonly rejects: readonly Reject[]
  readonly error: unknown
  /** Why this must not be: undefined where it may. */
  readonly fault: string | undefined
}

/**
 * Reads `flow` to its end, each value of each row. It is at fault if it takes too long, or too much memory, if a promise
 * is left rejected, or if it fails with another error than those for bad input, or without saying where.
 */
export async function outcomeOf(flow: () => Flow<RecordBatch>, where: string): Promise<Outcome> {
  const before = process.memoryUsage().arrayBuffers
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  const columns = new Map<string, unknown[]>()
  const values = (column: string) => columns.get(column) ?? []
  const read = { rows: 0, rejects: [] as Reject[], columns, values, error: undefined as unknown }
  // The files are still there when the process is ended.
  watch(`reading the files of ${where}`, 2 * limitMs)
  try {
    await inTime(readAll(flow, read))
  } catch (error) {
    read.error = error
  }
  watch('', 2 * limitMs)
  const grown = process.memoryUsage().arrayBuffers - before
  await new Promise(setImmediate)
  process.off('unhandledRejection', onUnhandled)
  const fault =
    (unhandled.length > 0 ? `an unhandled rejection: ${told(unhandled[0])}` : undefined) ??
    (grown > limitBytes ? `${String(grown)} bytes of buffers` : undefined) ??
    read.rejects.map(wrongReject).find((wrong) => wrong !== undefined) ??
    wrongError(read.error, where)
  return { ...read, fault }
}

class Hang extends Error {}

async function inTime(reading: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Hang(`no end after ${String(limitMs)} ms`))
    }, limitMs)
  })
  try {
    await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}

async function readAll(
  flow: () => Flow<RecordBatch>,
  read: { rows: number; rejects: Reject[]; columns: Map<string, unknown[]> },
): Promise<void> {
  const { signal } = new AbortController()
  for await (const value of flow().pull({ signal, run: new Run({ threads: 1 }) })) {
    if (value instanceof Rejects) read.rejects.push(...value.rows)
    if (!(value instanceof RecordBatch)) continue
    read.rows += value.numRows
    for (const [at, { name }] of value.schema.fields.entries()) {
      const values = plainValues(value.getChildAt(at) as Vector)
      read.columns.set(name, [...(read.columns.get(name) ?? []), ...values])
    }
  }
}

/** Codes of rejects that are about the input. */
const codes = [
  ...['CAST', 'DAMAGED', 'DUPLICATE', 'EMPTY', 'FORMAT', 'MISSING', 'OUTSIDE', 'TOO_LARGE'],
  'UNREADABLE',
]

function wrongReject({ id, code, message }: Reject): string | undefined {
  if (id !== '' && codes.includes(code) && message !== '') return undefined
  return `a reject of \`${id}\`: ${code}, ${message}`
}

function wrongError(error: unknown, where: string): string | undefined {
  if (error === undefined) return undefined
  const classes = [DataError, SchemaError, ConnectorError, OptionError]
  if (!classes.some((each) => error instanceof each)) return told(error)
  const { message, url } = error as Error & { readonly url?: string }
  return message.includes(where) || url?.includes(where) ? undefined : `no location: ${told(error)}`
}

function told(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
