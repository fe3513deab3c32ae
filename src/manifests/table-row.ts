import type { Fault } from './list-source.ts'
import { jsonText } from './json-text.ts'
import type { TableColumns } from './table-columns.ts'
import type { Place } from './text-lines.ts'
import type { Problem, TextRecord } from './text-record.ts'

/** What is made of the rows of a table. */
export interface RowPlan {
  /** Its columns. */
  readonly columns: TableColumns
  /** Goes before each id. */
  readonly prefix: string
  /** The split of all rows. */
  readonly split: string | undefined
  /** Names of labels that are counted. */
  readonly labelNames: readonly string[] | undefined
  /** What the table is called in ids that are made. */
  readonly table: string
}

/** What a row of a table says. */
export interface RowValues {
  /** What it is called. */
  readonly id: string
  /** Path or URL of its picture; empty where rows have none. */
  readonly link: string
  /** Its class. */
  readonly label: string | null
  /** Its part of the dataset. */
  readonly split: string | null
  /** Values of the other columns. */
  readonly others: readonly unknown[]
}

/** A row of a table, or why there is none. */
export interface TableRow {
  /** To go on behind it. */
  readonly position: Place
  /** Bytes of the file that it takes. */
  readonly bytes: number
  /** What it says, or why it is refused. */
  readonly content: RowValues | Fault
}

/** Makes a row of a record: its values are as their columns want them, or it is at fault. */
export function tableRow(record: TextRecord<readonly unknown[]>, plan: RowPlan): TableRow {
  const { place, next, content } = record
  const id = `${plan.prefix}${plan.table}#${String(place.row)}`
  const made = 'problem' in content ? content.problem : rowOf(content.value, id, plan)
  const where = `line ${String(place.line)}, byte ${String(place.offset)}`
  return {
    position: next,
    bytes: next.offset - place.offset,
    content: 'code' in made ? { id, ...made, message: `${made.message} (${where})` } : made,
  }
}

function rowOf(values: readonly unknown[], made: string, plan: RowPlan): RowValues | Problem {
  const { columns, prefix, labelNames } = plan
  function given(column: number | undefined): string | null {
    return column === undefined ? null : textOf(values[column] ?? null)
  }
  const id = given(columns.id)
  const link = given(columns.path)
  const needed = [
    [columns.path, link],
    [columns.id, id],
  ] as const
  for (const [column, value] of needed)
    if (column !== undefined && !value) return none(columns.names[column] ?? '')
  const text = given(columns.label)
  const label = text !== null && labelNames ? nameOf(text, labelNames) : text
  if (label === undefined)
    return misfit(`a label from 0 to ${String((labelNames ?? []).length - 1)}`, text)
  const others: unknown[] = []
  for (const { at, field, convert } of columns.others) {
    const value = values[at] ?? null
    const converted = value === null ? null : convert(value)
    if (converted === undefined)
      return misfit(`column \`${field.name}\` to be ${String(field.type)}`, value)
    others.push(converted)
  }
  const split = plan.split ?? given(columns.split)
  return { id: id === null ? made : `${prefix}${id}`, link: link ?? '', label, split, others }
}

function textOf(value: unknown): string | null {
  return value === null || typeof value === 'string' ? value : jsonText(value)
}

function nameOf(label: string, names: readonly string[]): string | undefined {
  return /^\d+$/.test(label) ? names[Number(label)] : undefined
}

function none(column: string): Problem {
  return { code: 'MISSING', message: `Expected a value in column \`${column}\`, got none` }
}

const shownLength = 100

function misfit(expected: string, value: unknown): Problem {
  const text = textOf(value) ?? 'null'
  const shown = text.length > shownLength ? `${text.slice(0, shownLength)}…` : text
  return { code: 'CAST', message: `Expected ${expected}, got \`${shown}\`` }
}
