/** Watches a folder: models learn from pictures as they arrive, and unfamiliar ones raise an alert. */
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { boolColumn, column, stateless, withColumns } from 'millrace'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { limit } from 'millrace/operators/limit'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'
import { map } from 'rxjs'
import { arrivals } from './arrivals.ts'

const clipart = join(import.meta.dirname, 'clipart')
const learning = { warmupRows: 128, windowRows: 32 }

/** Less familiar than all but 5 % of what the model has learned. */
function withAlert(rows: RecordBatch) {
  const alerts = Array.from(column(rows, 'familiarity_percentile'), (p) => Number(p) < 5)
  return withColumns(rows, [boolColumn('alert', alerts)])
}

export default function onlineMonitor([folder = clipart, most, out = '-']: string[]) {
  const decoded = arrivals(folder).pipe(decode({ onError: 'reject' }))
  const embedded = decoded.pipe(resize({ width: 224, height: 224 }), infer())
  const scored = embedded.pipe(pca({ components: 16, ...learning }), gmm(learning), neighbors())
  const alerts = scored.pipe(stateless(map(withAlert)))
  const watched = most === undefined ? alerts : alerts.pipe(limit(Number(most)))
  return watched.pipe(toJsonl(out, { columns: ['id', 'familiarity', 'near_id', 'alert'] }))
}
