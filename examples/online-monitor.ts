/** Watches a folder: models learn from pictures as they arrive, and unfamiliar ones raise an alert. */
import type { RecordBatch, Schema } from 'apache-arrow'
import { boolColumn, column, flowOf, source, withColumns } from 'millrace'
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'
import { distinct, exhaustMap, map, take, timer } from 'rxjs'

/** Looks into the folder every second: a batch of one row for each picture that is new there. */
function arrivals(folder: string) {
  const files = fromFiles(folder, { batchRows: 1 })
  const looks = timer(0, 1_000).pipe(exhaustMap(() => files))
  const rows = looks.pipe(distinct((row) => String(column(row, 'id').get(0))))
  const schema = () => files.schema() as Promise<Schema>
  const read = () => flowOf(rows.pipe(map((row) => [row, undefined] as const)))
  return source({ name: 'arrivals', bounded: false, schema, read })
}

/** Less familiar than all but 5 % of what the model has learned. */
function withAlert(row: RecordBatch) {
  const percentile = Number(column(row, 'familiarity_percentile').get(0))
  return withColumns(row, [boolColumn('alert', [percentile < 5])])
}

export default function onlineMonitor([folder, most = 'Infinity']: string[]) {
  const pictures = arrivals(folder ?? `${import.meta.dirname}/clipart`)
  const decoded = pictures.pipe(decode({ onError: 'reject' }), resize({ width: 224, height: 224 }))
  const learning = { warmupRows: 128, windowRows: 32 }
  const reduced = decoded.pipe(infer(), pca({ components: 16, ...learning }))
  const scored = reduced.pipe(gmm(learning), neighbors(), map(withAlert), take(Number(most)))
  return scored.pipe(toJsonl('-', { columns: ['id', 'familiarity', 'near_id', 'alert'] }))
}
