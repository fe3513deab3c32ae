import type { RecordBatch } from 'apache-arrow'
import { withoutHeavy } from '../../src/batch/batch.ts'
import { Flow } from '../../src/flow/flow.ts'

/** A flow of batches that carries the heavy columns asked of it alone, and notes which those were. */
export function askable(batches: readonly RecordBatch[]): {
  readonly flow: Flow<RecordBatch>
  readonly asked: string[]
} {
  const asked: string[] = []
  const flow = new Flow<RecordBatch>(
    async function* ({ columns }) {
      asked.push(...(columns ?? []))
      for (const batch of batches) yield await Promise.resolve(withoutHeavy(batch, columns))
    },
    { name: 'askable', role: 'source', schema: () => (batches[0] as RecordBatch).schema },
  )
  return { flow, asked }
}
