/** Draws as many pictures of each label, and keeps what it makes of them on disk for the next run. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { cache } from 'millrace/operators/cache'
import { cast } from 'millrace/operators/cast'
import { concatenate } from 'millrace/operators/concatenate'
import { decode } from 'millrace/operators/decode'
import { filter } from 'millrace/operators/filter'
import { pool } from 'millrace/operators/pool'
import { rename } from 'millrace/operators/rename'
import { resize } from 'millrace/operators/resize'
import { sample } from 'millrace/operators/sample'
import { select } from 'millrace/operators/select'

const clipart = join(import.meta.dirname, 'clipart', 'train')
const kept = join(tmpdir(), 'millrace-balanced-subset')

export default function balancedSubset([folder = kept, out = '-']: string[]) {
  const drawn = fromFiles(clipart).pipe(sample({ rows: 3, per: 'label' }))
  const colours = drawn.pipe(
    decode({ onError: 'reject' }),
    filter({
      columns: ['width', 'height'],
      where: (row) => Number(row.width) <= Number(row.height),
    }),
    resize({ width: 32, height: 32 }),
    rename({ columns: { pixels: 'colour' } }),
    cast({ columns: { colour: 'Float32', width: 'Float32' } }),
    pool({ column: 'colour', axes: [0, 1] }),
    concatenate({ columns: ['colour', 'width'], into: 'features' }),
    cache({ folder }),
  )
  return colours.pipe(select({ columns: ['id', 'label', 'features'] }), toJsonl(out))
}
