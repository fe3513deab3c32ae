/** A source of one's own that a run can be resumed with: the pictures of a folder, as they arrive. */
import { readFile } from 'node:fs/promises'
import { scheduler } from 'node:timers/promises'
import { RecordBatch, type Schema } from 'apache-arrow'
import { binaryColumn, column, type Context, heavy, source, withColumns } from 'millrace'
import { fromFiles } from 'millrace/connectors/from-files'

/**
 * Looks into the folder every second: a batch of one row for each picture that is new there. Its position
 * is what it has seen, so that a run that is resumed neither repeats nor misses a picture.
 */
export function arrivals(folder: string) {
  const files = fromFiles(folder, { batchRows: 1 })

  async function* read({ signal }: Context, before = { ids: [] as string[], count: 0 }) {
    // All positions share the list, which only grows: each says how far it goes.
    const ids = before.ids.slice(0, before.count)
    const seen = new Set(ids)
    for (;;) {
      // Without the columns of bytes, so that only new pictures are read.
      for await (const row of files.pull({ signal, columns: new Set() })) {
        const id = row instanceof RecordBatch ? String(column(row, 'id').get(0)) : ''
        if (!(row instanceof RecordBatch) || seen.has(id)) continue
        seen.add(id)
        yield [await withImage(row), { ids, count: ids.push(id) }] as const
      }
      await scheduler.wait(1_000, { signal })
    }
  }

  const schema = () => files.schema() as Promise<Schema>
  return source({ name: 'arrivals', bounded: false, schema, read, settings: { folder } })
}

async function withImage(row: RecordBatch) {
  const uri = new URL(String(column(row, 'uri').get(0)))
  const { field, vector } = binaryColumn('image', [await readFile(uri)])
  return withColumns(row, [{ field: heavy(field), vector }])
}
