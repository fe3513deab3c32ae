/** A source of one's own that a run can be resumed with: the pictures of a folder, as they arrive. */
import { scheduler } from 'node:timers/promises'
import type { Schema } from 'apache-arrow'
import { column, type Context, source } from 'millrace'
import { fromFiles } from 'millrace/connectors/from-files'

/**
 * Looks into the folder every second: a batch of one row for each picture that is new there. Its position
 * is what it has seen, so that a run that is resumed neither repeats nor misses a picture.
 */
export function arrivals(folder: string) {
  const files = fromFiles(folder, { batchRows: 1 })

  async function* read({ signal }: Context, before: readonly string[] = []) {
    const seen = new Set(before)
    for (;;) {
      for await (const row of files) {
        const id = String(column(row, 'id').get(0))
        if (!seen.has(id)) yield [row, [...seen.add(id)]] as const
      }
      await scheduler.wait(1_000, { signal })
    }
  }

  const schema = () => files.schema() as Promise<Schema>
  return source({ name: 'arrivals', bounded: false, schema, read, settings: { folder } })
}
