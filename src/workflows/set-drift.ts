import type { RecordBatch } from 'apache-arrow'
import type { Observable } from 'rxjs'
import { driftSummary } from '../../operators/drift-summary.ts'
import { isKind } from '../batch/schema.ts'
import { columnsOfReference } from '../drift/drift-columns.ts'
import { savedReference } from '../drift/drift-windows.ts'
import type { Flow } from '../flow/flow.ts'
import type { WriteSummary } from '../flow/sink.ts'
import type { JsonRow } from '../output/json-rows.ts'
import type { RunSummary } from '../run/run.ts'
import { counted } from './item-counts.ts'
import { keepRows, keptRows } from './kept-rows.ts'
import type { DriftTestSettings } from './score-parts.ts'
import { modelFolders } from './scores.ts'
import { driftRows } from './statistics.ts'

/** How a set drifts from the fitted one. */
export interface SetDrift {
  /** Whether any of the tests found drift; null if none could be made. */
  readonly drifted: boolean | null
  /** Each test of a column, with the statistic and the p-values: `driftSummary` has them. */
  readonly tests: readonly DriftTestRow[]
}

/** A test of a column. */
interface DriftTestRow extends JsonRow {
  readonly column: string
  readonly test: string
  readonly values: number
  readonly statistic: number | null
  readonly p_value: number | null
  readonly adjusted_p: number | null
  readonly drifted: boolean | null
}

const table = 'drift'

/** A sink that tests the rows against the reference in `models`, as far as they have its columns; the table is in its receipt. */
export async function measureDrift(
  rows: Flow<RecordBatch>,
  models: string,
  settings: DriftTestSettings,
): Promise<(rows: Flow<RecordBatch>) => Observable<WriteSummary>> {
  const model = modelFolders(models).drift
  const columns = await comparable(rows, model)
  const summary = driftSummary({ ...{ rows: driftRows, ...settings }, model, columns })
  return (flow) => flow.pipe(summary, keepRows(table))
}

/** The columns of the reference that the rows have too. */
async function comparable(rows: Flow<RecordBatch>, model: string): Promise<string[]> {
  const { numbers, categories, embedding } = columnsOfReference(await savedReference(model)())
  const fields = new Map((await rows.schema())?.fields.map((field) => [field.name, field]))
  function there(name: string, kind: 'number' | 'text'): boolean {
    const field = fields.get(name)
    return field !== undefined && isKind(field, kind)
  }
  return [
    ...numbers.filter((name) => there(name, 'number')),
    ...categories.filter((name) => there(name, 'text')),
    ...(embedding === undefined ? [] : [embedding]),
  ]
}

/** The drift that a run measured, also one that had finished before it was resumed; undefined if it did not measure any. */
export function driftOf(ran: RunSummary): SetDrift | undefined {
  const rows = keptRows(ran, table)
  if (rows.length === 0) return undefined
  const tests = rows.map(({ column, test, values, statistic, p_value, adjusted_p, drifted }) => ({
    ...{ column, test, values, statistic, p_value, adjusted_p, drifted },
  })) as unknown as readonly DriftTestRow[]
  const made = tests.filter(({ drifted }) => drifted !== null)
  return { drifted: made.length === 0 ? null : made.some(({ drifted }) => drifted), tests }
}

/** Columns that are told a person; the rest is in the summary. */
const mostColumns = 10

/** The drift for a person: in how many columns, and which tests found it, the surest first. */
export function driftText(drift: SetDrift | undefined): string[] {
  if (!drift) return []
  const about = 'drift from the fitted set'
  const made = drift.tests.flatMap((test) =>
    test.adjusted_p === null ? [] : [{ ...test, p: test.adjusted_p }],
  )
  if (made.length === 0) return [`${about}: too few items to tell`]
  made.sort((a, b) => a.p - b.p)
  const all = counted(new Set(made.map(({ column }) => column)).size, 'column')
  const found = new Map<string, string[]>()
  for (const { column, test, statistic, p, drifted } of made) {
    const said = `${test} ${digits(statistic, 3)}, p ${digits(p, 2)}`
    if (drifted) found.set(column, [...(found.get(column) ?? []), said])
  }
  if (found.size === 0) return [`${about}: none in ${all} (least p ${digits(made[0]?.p, 2)})`]
  const lines = [...found].map(([column, said]) => `  ${column}: ${said.join('; ')}`)
  const more = lines.length - mostColumns
  return [
    `${about}: in ${String(found.size)} of ${all}`,
    ...lines.slice(0, mostColumns),
    ...(more > 0 ? [`  ${counted(more, 'more column')}: see --json`] : []),
  ]
}

function digits(value: number | null | undefined, precision: number): string {
  return String(Number((value ?? NaN).toPrecision(precision)))
}
