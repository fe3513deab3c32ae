import { DataType, type Field, type RecordBatch, type Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { isHeavy, typeName } from '../src/batch/schema.ts'
import { tensorShape } from '../src/batch/tensor.ts'
import { operate } from '../src/flow/operate.ts'
import { callback, knownOptions, nonEmptyString, wholeNumber } from '../src/options.ts'

/** Options of {@link debug}. */
export interface DebugOptions {
  /**
   * What each line begins with.
   *
   * @default 'debug'
   */
  readonly label?: string
  /**
   * Least time between two lines of rates.
   *
   * @default 1_000
   */
  readonly everyMs?: number
  /**
   * Takes each line, without its end.
   *
   * @default writes to stderr
   */
  readonly write?: (line: string) => void
  /**
   * The clock, in milliseconds.
   *
   * @default performance.now
   */
  readonly now?: () => number
}

/**
 * Says what passes: the columns when they are first seen, and again if they change; then rows, batches and rows
 * per second, now and then and at the end.
 *
 * - Rows: n to n, in order; nothing is copied. Counts those of this process: a resumed run starts from 0.
 * - Columns: what is carried up to here. It asks for no heavy column.
 *
 * @throws {OptionError} at the call, if an option is unknown or of the wrong type
 * @example
 * flow.pipe(debug({ label: 'embedded' }))
 * // embedded: id Utf8, embedding Float32 [1280]
 * // embedded: 96 rows in 3 batches of 32, 102 rows/s
 */
export function debug(options: DebugOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('debug', options, ['label', 'everyMs', 'write', 'now'])
  const label = nonEmptyString('label', options.label ?? 'debug')
  const everyMs = wholeNumber('everyMs', options.everyMs ?? 1000)
  const write = callback('write', options.write ?? toStderr)
  const now = callback('now', options.now ?? (() => performance.now()))

  return operate<RecordBatch, RecordBatch>({
    name: 'debug',
    schema: (input) => input,
    memoryBytes: 0,
    start: () => {
      const begun = now()
      let said = begun
      let shown: string | undefined
      const seen = { rows: 0, batches: 0, least: Infinity, most: 0 }

      function sayRates(at: number): void {
        said = at
        write(`${label}: ${passed(seen)}, ${perSecond(seen.rows, at - begun)}`)
      }

      return {
        *next(batch) {
          const columns = columnsText(batch.schema)
          if (columns !== shown) write(`${label}: ${(shown = columns)}`)
          seen.rows += batch.numRows
          seen.batches++
          seen.least = Math.min(seen.least, batch.numRows)
          seen.most = Math.max(seen.most, batch.numRows)
          const at = now()
          if (at - said >= everyMs) sayRates(at)
          yield batch
        },
        *flush() {
          sayRates(now())
        },
      }
    },
    settings: { label },
  })
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}

function columnsText(schema: Schema): string {
  return schema.fields.map(columnText).join(', ') || 'no columns'
}

function columnText(field: Field): string {
  const type = field.type as DataType
  const shaped = DataType.isFixedSizeList(type)
    ? `${String(type.children[0]?.type)} [${tensorShape(field).join(', ')}]`
    : typeName(type)
  return `${field.name} ${shaped}${isHeavy(field) ? ' (heavy)' : ''}`
}

/** What has passed: rows, and in batches of how many. */
interface Passed {
  readonly rows: number
  readonly batches: number
  readonly least: number
  readonly most: number
}

function passed({ rows, batches, least, most }: Passed): string {
  if (batches === 0) return 'no batches'
  const sizes = least === most ? String(most) : `${String(least)} to ${String(most)}`
  return `${String(rows)} rows in ${String(batches)} batches of ${sizes}`
}

function perSecond(rows: number, ms: number): string {
  return ms > 0 ? `${String(Math.round((1000 * rows) / ms))} rows/s` : 'in no time'
}
