import type { RecordBatch } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import type { Reject } from '../flow/control.ts'
import { numberAt, textAt } from './cells.ts'
import type { PageMember } from './page-data.ts'
import type { PageItem } from './page-item.ts'

/** A row of `groups.parquet`. */
export interface GroupRow {
  /** Number of the group. */
  readonly group: number
  /** `exact` or `near`. */
  readonly kind: string
  /** The member; what only `items.parquet` knows of it is null. */
  readonly member: PageMember
}

/** Reads items out of a batch by row; a column that is not there reads as null. */
export function itemReader(batch: RecordBatch): (row: number) => PageItem {
  const id = column(batch, 'id')
  const columns = {
    label: batch.getChild('label'),
    split: batch.getChild('split'),
    width: batch.getChild('width'),
    height: batch.getChild('height'),
    familiarity: batch.getChild('familiarity'),
    percentile: batch.getChild('familiarity_percentile'),
    labelFamiliarity: batch.getChild('label_familiarity'),
    labelPercentile: batch.getChild('label_familiarity_percentile'),
    x: batch.getChild('x'),
    y: batch.getChild('y'),
  }
  return (row) => ({
    id: String(id.get(row)),
    label: textAt(columns.label, row),
    split: textAt(columns.split, row),
    width: numberAt(columns.width, row),
    height: numberAt(columns.height, row),
    familiarity: numberAt(columns.familiarity, row),
    percentile: numberAt(columns.percentile, row),
    labelFamiliarity: numberAt(columns.labelFamiliarity, row),
    labelPercentile: numberAt(columns.labelPercentile, row),
    x: numberAt(columns.x, row),
    y: numberAt(columns.y, row),
  })
}

/** Reads the members of groups out of a batch, in order. */
export function* groupRows(batch: RecordBatch): Generator<GroupRow> {
  const [group, kind, id, keep] = ['group', 'kind', 'id', 'keep'].map((n) => column(batch, n))
  const split = batch.getChild('split')
  const by = batch.getChild('by')
  const embedding = batch.getChild('embedding_distance')
  const hash = batch.getChild('hash_distance')
  for (let row = 0; row < batch.numRows; row++)
    yield {
      group: Number(group?.get(row)),
      kind: String(kind?.get(row)),
      member: {
        item: bareItem(String(id?.get(row)), textAt(split, row)),
        keep: keep?.get(row) === true,
        by: textAt(by, row),
        embeddingDistance: numberAt(embedding, row),
        hashDistance: numberAt(hash, row),
      },
    }
}

/** Reads row `row` of `rejects.parquet`. */
export function rejectAt(batch: RecordBatch, row: number): Reject {
  function text(name: string): string {
    return String(column(batch, name).get(row))
  }
  return {
    id: text('id'),
    operator: text('operator'),
    code: text('code'),
    message: text('message'),
    attempt: Number(column(batch, 'attempt').get(row)),
  }
}

function bareItem(id: string, split: string | null): PageItem {
  const none = { label: null, width: null, height: null, familiarity: null, percentile: null }
  return { id, split, ...none, labelFamiliarity: null, labelPercentile: null, x: null, y: null }
}
