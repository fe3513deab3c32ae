import { Field, type RecordBatch, Schema, Utf8, type Vector } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOf, column, textColumn } from '../src/batch/batch.ts'
import { requireField } from '../src/batch/schema.ts'
import { operate } from '../src/flow/operate.ts'

const reads = ['id', 'group_id', 'merged_groups']

const schema = new Schema(
  ['change', 'group_id', 'id', 'from'].map((name) => new Field(name, new Utf8(), name === 'from')),
)

/**
 * Turns the columns that `onlineDuplicates` adds into a table of what changes in the groups.
 *
 * - Rows: one per change, in the order of the rows that cause them; most rows cause none.
 * - Columns: `id`, `group_id`, `merged_groups` → `change` (`joined`: the row `id` came into the group, `merged`: the group
 *   `from` ended in it, because `id` is near both), `group_id` (the id of the group's first row), `id`, `from` (null unless merged); the
 *   others are left out. What hangs together by `group_id` and `id`, and by `group_id` and `from`, are the groups at any time.
 * - State: none.
 *
 * @throws {SchemaError} if a column of `onlineDuplicates` is missing
 * @example
 * flow.pipe(onlineDuplicates({ distance: 0.05 }), groupChanges()) // => { change: 'joined', group_id: 'a.png', id: 'b.png', from: null }
 */
export function groupChanges(): OperatorFunction<RecordBatch, RecordBatch> {
  return operate<RecordBatch, RecordBatch>({
    name: 'groupChanges',
    schema(input) {
      requireColumns(input)
      return schema
    },
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        requireColumns(batch.schema)
        const changes = changesIn(batch)
        if (changes.length === 0) return
        const columns = schema.names.map((name, at) =>
          textColumn(
            String(name),
            changes.map((change) => change[at] ?? null),
          ),
        )
        yield batchOf(columns, schema)
      },
    }),
  })
}

function requireColumns(input: Schema): void {
  for (const name of reads) requireField(input, name, { owner: 'groupChanges' })
}

/** The values of the fields, per change. */
function changesIn(batch: RecordBatch): (readonly (string | null)[])[] {
  const [ids, groups, merged] = reads.map((name) => column(batch, name)) as [Vector, Vector, Vector]
  const changes: (readonly (string | null)[])[] = []
  for (let row = 0; row < batch.numRows; row++) {
    const id = String(ids.get(row))
    const group = groups.get(row) as string | null
    if (group === null || group === id) continue
    changes.push(['joined', group, id, null])
    for (const from of (merged.get(row) ?? []) as Iterable<string>)
      changes.push(['merged', group, id, from])
  }
  return changes
}
