import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { sink, type WriteSummary } from '../flow/sink.ts'
import { jsonObjects, type JsonRow } from '../output/json-rows.ts'
import type { RunSummary } from '../run/run.ts'

/** The receipt of {@link keepRows}. */
interface KeptSummary extends WriteSummary {
  readonly kept: readonly JsonRow[]
}

const name = 'keepRows'

/** A sink of a small table: its rows are in the receipt, all of them in memory. */
export function keepRows(table: string): OperatorFunction<RecordBatch, WriteSummary> {
  return sink<readonly JsonRow[]>({
    name,
    guarantee: 'exactly-once',
    open(_, from = []) {
      const rows = [...from]
      return {
        write: (batch) => {
          rows.push(...jsonObjects(batch))
        },
        stage: () => [...rows],
        finish() {
          const summary: KeptSummary = {
            ...{ sink: name, location: table, rows: rows.length, bytes: 0, files: 0 },
            kept: rows,
          }
          return { summary, state: rows }
        },
        abort: () => undefined,
      }
    },
    settings: { table },
  })
}

/** The rows of the table that a run kept; none if it did not keep any. */
export function keptRows({ sinks }: RunSummary, table: string): readonly JsonRow[] {
  const receipt = sinks.find(({ sink, location }) => sink === name && location === table)
  return (receipt as KeptSummary | undefined)?.kept ?? []
}
