import { type RecordBatch, Schema, type StructRow } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf, column, textColumn } from '../src/batch/batch.ts'
import { requireField } from '../src/batch/schema.ts'
import { changeFields } from '../src/clusters/online-clusters.ts'
import { operate } from '../src/flow/operate.ts'

const schema = new Schema(changeFields)

/**
 * Turns the column `cluster_changes` that `onlineClusters` adds into a table of what changes in the clusters.
 *
 * - Rows: one per change, in the order of the rows that cause them; many rows cause none.
 * - Columns: `cluster_changes` → `change`, `cluster_id`, `id`, `from` (Utf8); the others are left out. `formed`: the cluster is there; its
 *   rows follow. `joined`: the row `id` is in it, and no longer in `from` if that is given. `merged`: all rows of the cluster `from` are in it, which
 *   ends. `split`: it came out of `from`; its rows follow. `left`: the row `id` is in none. `expired`: the row `id` is no
 *   longer held. `ended`: it is no more. Who takes them in one after another has the clusters at any time.
 * - State: none.
 *
 * @throws {SchemaError} if the column of `onlineClusters` is missing
 * @example
 * flow.pipe(onlineClusters({ distance: 0.1 }), clusterChanges()) // => { change: 'joined', cluster_id: 'a.png', id: 'z.png', from: null }
 */
export function clusterChanges(): OperatorFunction<RecordBatch, RecordBatch> {
  return operate<RecordBatch, RecordBatch>({
    name: 'clusterChanges',
    schema(input) {
      requireField(input, 'cluster_changes', { owner: 'clusterChanges' })
      return schema
    },
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        requireField(batch.schema, 'cluster_changes', { owner: 'clusterChanges' })
        const changes = changesIn(batch)
        if (changes.length === 0) return
        const columns = changeFields.map(({ name }) =>
          textColumn(
            name,
            changes.map((change) => change[name] ?? null),
          ),
        )
        yield batchOf(columns, schema)
      },
    }),
  })
}

type Change = Readonly<Record<string, string | null>>

function changesIn(batch: RecordBatch): Change[] {
  const changes: Change[] = []
  const lists: Iterable<Iterable<StructRow> | null> = column(batch, 'cluster_changes')
  for (const list of lists) for (const change of list ?? []) changes.push(change.toJSON())
  return changes
}
