import { DataType, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { columnsOf, select } from '../src/batch/batch.ts'
import { jsonOf } from '../src/batch/json-value.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { sink, type Writer, type WriteSummary } from '../src/flow/sink.ts'
import { aligned } from '../src/output/aligned.ts'
import { print } from '../src/output/print.ts'
import { columnList, knownOptions, oneOf, positiveInteger } from '../src/options.ts'

/** Options of {@link toConsole}. */
export interface ToConsoleOptions {
  /**
   * Columns to show, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * Rows to show; the rest is counted.
   *
   * @default 20
   */
  readonly rows?: number
  /**
   * Most characters of a cell; longer ones are cut.
   *
   * @default 32
   */
  readonly cellLength?: number
  /**
   * Where the table goes.
   *
   * @default 'stdout'
   */
  readonly output?: 'stdout' | 'stderr'
}

const name = 'toConsole'

/** Values of a list that are shown, before it is cut. */
const shownValues = 4

/**
 * Shows the first rows as a table for people, and counts the rest; answers with a receipt.
 *
 * - Order: as the rows come. The table is written when it has its rows, or the flow ends.
 * - Delivery: at least once; a resumed run shows the rows that it reads.
 * - Columns: numbers to the right, null as nothing; bytes as their length, of lists and tensors the first 4 values.
 * - Memory: the text of the rows shown.
 *
 * @throws {OptionError} at the call, for options out of range
 * @example
 * await lastValueFrom(flow.pipe(toConsole({ rows: 5 }))) // => { sink: 'toConsole', rows: 314, … }
 */
export function toConsole(
  options: ToConsoleOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  knownOptions(name, options, ['columns', 'rows', 'cellLength', 'output'])
  const columns = options.columns && columnList('columns', options.columns)
  const rows = positiveInteger('rows', options.rows ?? 20)
  const cellLength = positiveInteger('cellLength', options.cellLength ?? 32)
  const output = oneOf('output', options.output ?? 'stdout', ['stdout', 'stderr'])
  return sink({
    name,
    guarantee: 'at-least-once',
    adds: true,
    open: () => new Table({ columns, rows, cellLength, output }),
    schema: (schema) => selectedSchema(schema, columns, name),
    settings: { columns, rows, cellLength, output },
    ...(columns && { columns }),
  })
}

interface Settings {
  readonly columns: readonly string[] | undefined
  readonly rows: number
  readonly cellLength: number
  readonly output: 'stdout' | 'stderr'
}

class Table implements Writer<never> {
  readonly #settings: Settings
  #lines: string[][] = []
  #numbers: readonly boolean[] = []
  #rows = 0
  #bytes = 0
  #shown = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  async write(batch: RecordBatch): Promise<void> {
    const { columns, rows } = this.#settings
    if (!this.#shown) this.#add(columns ? select(batch, columns) : batch)
    this.#rows += batch.numRows
    if (!this.#shown && this.#rows >= rows) await this.#show()
  }

  async finish(): Promise<{ readonly summary: WriteSummary }> {
    if (!this.#shown) await this.#show()
    const shown = Math.min(this.#rows, this.#settings.rows)
    const more = this.#rows > shown ? `, ${String(shown)} of them shown` : ''
    await this.#print(`${String(this.#rows)} ${this.#rows === 1 ? 'row' : 'rows'}${more}\n`)
    const { output } = this.#settings
    const summary = { sink: name, location: output, rows: this.#rows, bytes: this.#bytes, files: 0 }
    return { summary }
  }

  abort(): void {
    this.#lines = []
  }

  #add(batch: RecordBatch): void {
    const { rows, cellLength } = this.#settings
    const columns = columnsOf(batch).map(({ field, vector }) => ({
      vector,
      cell: cellOf(field.type as DataType, cellLength),
    }))
    if (this.#lines.length === 0) {
      this.#lines.push(batch.schema.fields.map((field) => cut(field.name, cellLength)))
      this.#numbers = batch.schema.fields.map((field) => isNumber(field.type as DataType))
    }
    const left = rows - this.#rows
    for (let row = 0; row < Math.min(left, batch.numRows); row++)
      this.#lines.push(columns.map(({ vector, cell }) => cell(vector.get(row))))
  }

  async #show(): Promise<void> {
    this.#shown = true
    const lines = aligned(this.#lines, (column) => this.#numbers[column] === true)
    this.#lines = []
    if (lines.length > 0) await this.#print(`${lines.join('\n')}\n`)
  }

  async #print(text: string): Promise<void> {
    const chunk = Buffer.from(text)
    this.#bytes += chunk.length
    await print(chunk, this.#settings.output)
  }
}

function isNumber(type: DataType): boolean {
  return DataType.isInt(type) || DataType.isFloat(type) || DataType.isDecimal(type)
}

function cellOf(type: DataType, most: number): (value: unknown) => string {
  const json = jsonOf(type)
  return (value) => cut(shown(value instanceof Uint8Array ? value : json(value)), most)
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Uint8Array) return `${String(value.length)} bytes`
  if (typeof value === 'number') return String(Number(value.toPrecision(6)))
  if (!Array.isArray(value)) return typeof value === 'string' ? value : JSON.stringify(value)
  const first = value.slice(0, shownValues).map(shown).join(', ')
  const left = value.length - shownValues
  return left > 0 ? `[${first}, … ${String(left)} more]` : `[${first}]`
}

/** Control characters would move the cursor, or worse. */
function cut(text: string, most: number): string {
  const plain = Array.from(text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '·'))
  return plain.length > most ? `${plain.slice(0, most - 1).join('')}…` : plain.join('')
}
