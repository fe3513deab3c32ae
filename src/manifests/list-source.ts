import { type Field, type RecordBatch, Schema } from 'apache-arrow'
import { batchOf, type Column } from '../batch/batch.ts'
import { DataError, FlowError } from '../errors.ts'
import { Rejects } from '../flow/control.ts'
import type { Flow } from '../flow/flow.ts'
import { memoryOf } from '../flow/memory.ts'
import { Skipped, source } from '../flow/source.ts'
import { itemSchema } from '../pictures/item-batch.ts'
import type { Selection } from '../run/selection.ts'
import { columnOf } from '../tasks/row-values.ts'
import type { TaskValue } from '../tasks/task.ts'
import { boxesColumn, isBoxes } from './boxes.ts'
import type { ManifestSettings } from './manifest-options.ts'

/** A row or an entry of a list that is refused. */
export interface Fault {
  /** What it is called among the rejects. */
  readonly id: string
  /** Stable code. */
  readonly code: string
  /** What was expected, what was there. */
  readonly message: string
  /** The error behind it. */
  readonly cause?: unknown
}

/** What an entry of a list has become. */
export interface LoadedEntry<P> {
  /** To go on behind it. */
  readonly position: P
  /** Its row, a value for each field; none where it is at fault, or not asked for. */
  readonly row?: readonly unknown[] | undefined
  /** About how many bytes the row takes. */
  readonly bytes?: number
  /** What was at fault. */
  readonly faults?: readonly Fault[]
}

/** For whom entries are read. */
export interface Reading {
  /** Ends the reading. */
  readonly signal: AbortSignal
  /** Whether anybody wants the pictures themselves. */
  readonly wanted: boolean
  /** The rows that are read; undefined for all. */
  readonly only: Selection | undefined
  /** Most bytes of pictures read ahead. */
  readonly aheadBytes: number
}

/** A list that is open. */
export interface OpenList<P> {
  /** The columns of its rows. */
  readonly fields: readonly Field[]
  /** Most rows of a batch, if nothing else is said. */
  readonly batchRows: number
  /** The entries behind a position, loaded, in order. */
  readonly entries: (reading: Reading, from: P | undefined) => AsyncIterable<LoadedEntry<P>>
  /** Lets go of what is open. */
  readonly close: () => Promise<void>
}

/** A source whose rows a list names. */
export interface ListSource<P> {
  /** Name of the source. */
  readonly name: string
  /** Where the list lies. */
  readonly location: string
  /** How it is read. */
  readonly settings: ManifestSettings
  /** For the plan. */
  readonly options: object
  /** Opens the list; may read its beginning. */
  readonly open: (signal: AbortSignal) => Promise<OpenList<P>>
}

/** The columns that come first where rows have pictures: those of files. */
export const pictureFields: readonly Field[] = itemSchema.fields

/** Batches' worth of bytes that are held: in the making, read ahead, and two with the next operator. */
const windowBatches = 4
const windowRange = { least: windowBatches * 2 ** 20, most: windowBatches * 2 ** 25 }

/**
 * Makes the source: batches in the order of the list. A fault becomes what `onError` says; rejects come before
 * the batch that was in the making.
 */
export function listSource<P>(list: ListSource<P>): Flow<RecordBatch> {
  const { name, location, settings, options } = list
  const flow: Flow<RecordBatch> = source<RecordBatch, P>({
    name,
    async schema() {
      const opened = await list.open(new AbortController().signal)
      await opened.close()
      return new Schema([...opened.fields])
    },
    async *read({ signal, columns, run }, from) {
      const aheadBytes = Math.ceil(memoryOf(flow, { run }) / windowBatches)
      const wanted = !columns || columns.has('image')
      const opened = await list.open(signal)
      try {
        const entries = opened.entries({ signal, wanted, only: run?.only, aheadBytes }, from)
        yield* batches(entries, list, { ...opened, batchBytes: aheadBytes })
      } finally {
        await opened.close()
      }
    },
    memoryBytes:
      settings.batchBytes === undefined ? windowRange : windowBatches * settings.batchBytes,
    settings: { location, ...options },
  })
  return flow
}

/** How batches are cut. */
interface Cut {
  readonly fields: readonly Field[]
  readonly batchRows: number
  readonly batchBytes: number
}

async function* batches<P>(
  entries: AsyncIterable<LoadedEntry<P>>,
  { name, location, settings }: ListSource<P>,
  { fields, batchRows, batchBytes }: Cut,
): AsyncGenerator<readonly [Skipped<RecordBatch>, P]> {
  const mostRows = settings.batchRows ?? batchRows
  let rows: (readonly unknown[])[] = []
  let faults: Fault[] = []
  let bytes = 0
  let last: P | undefined

  /** What has come up to `last`. */
  function upToHere(): Skipped<RecordBatch> {
    const rejects = faults.map(({ id, code, message }) => ({
      ...{ id, operator: name, code, message, attempt: 1 },
    }))
    const dropped = settings.onError === 'drop' ? rejects.splice(0).length : 0
    const here = new Skipped<RecordBatch>(
      dropped,
      ...(rejects.length > 0 ? [new Rejects(rejects)] : []),
      ...(rows.length > 0 ? [batchOfRows(fields, rows)] : []),
    )
    rows = []
    faults = []
    bytes = 0
    return here
  }

  for await (const { position, row, bytes: more = 0, faults: found = [] } of entries) {
    const full = rows.length + faults.length >= mostRows || bytes + more > batchBytes
    if (full && last !== undefined && rows.length + faults.length > 0) yield [upToHere(), last]
    last = position
    if (row) rows.push(row)
    bytes += more
    const [fault] = found
    if (fault && settings.onError === 'fail') throw failure(fault, { name, url: location })
    faults.push(...found)
  }
  if (last !== undefined && rows.length + faults.length > 0) yield [upToHere(), last]
}

function failure(
  { id, message, cause }: Fault,
  { name, url }: { readonly name: string; readonly url: string },
): unknown {
  if (cause instanceof FlowError) return cause
  return new DataError(`${message} (${name} of \`${id}\`)`, { url }, { cause })
}

function batchOfRows(fields: readonly Field[], rows: readonly (readonly unknown[])[]): RecordBatch {
  return batchOf(fields.map((field, at) => listColumn(field, rows, at)))
}

function listColumn(field: Field, rows: readonly (readonly unknown[])[], at: number): Column {
  const values = rows.map((row) => row[at] ?? null)
  return isBoxes(field)
    ? boxesColumn(field, values as (Float64Array | null)[])
    : columnOf(field, values as TaskValue[])
}
