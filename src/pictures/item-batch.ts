import { Binary, Field, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOf } from '../batch/batch.ts'
import { heavy } from '../batch/schema.ts'
import { columnOf } from '../tasks/row-values.ts'

/** A file as a row. */
export interface Item {
  /** Path relative to what all roots share, after the source's name. */
  readonly id: string
  /** Its `file:`, `http(s):` or `s3:` URL. */
  readonly uri: string
  /** Its class. */
  readonly label: string | null
  /** Its part of the dataset. */
  readonly split: string | null
  /** What is in it; null where nobody wants it, or a batch has it. */
  image: Uint8Array | null
  /** How many bytes it has. */
  readonly bytes: number
}

/** The columns of pictures in files. */
export const itemSchema = new Schema([
  ...['id', 'uri', 'label', 'split'].map((name) => new Field(name, new Utf8(), true)),
  heavy(new Field('image', new Binary(), true)),
  new Field('bytes', new Int32(), true),
])

/**
 * A batch of files; without the pictures if nobody wants them. The items give up their pictures: generators that
 * passed an item on still hold it while they wait.
 */
export function itemBatch(items: readonly Item[], wanted: boolean): RecordBatch {
  const fields = itemSchema.fields.filter((field) => wanted || field.name !== 'image')
  const batch = batchOf(
    fields.map((field) =>
      columnOf(
        field,
        items.map((item) => item[field.name as keyof Item]),
      ),
    ),
  )
  for (const item of items) item.image = null
  return batch
}
