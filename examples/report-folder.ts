/** What is in a folder of pictures: how familiar each is, what is like it, what is there twice. */
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromFiles } from 'millrace/connectors/from-files'
import { toParquet } from 'millrace/connectors/to-parquet'
import { contentHash } from 'millrace/operators/content-hash'
import { decode } from 'millrace/operators/decode'
import { duplicateGroups } from 'millrace/operators/duplicate-groups'
import { duplicates } from 'millrace/operators/duplicates'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { perceptualHash } from 'millrace/operators/perceptual-hash'
import { resize } from 'millrace/operators/resize'
import { thumbnail } from 'millrace/operators/thumbnail'

const clipart = join(import.meta.dirname, 'clipart')
const temporary = join(tmpdir(), 'millrace-report-folder')

export default async function reportFolder([out = temporary, folder = clipart]: string[]) {
  await mkdir(out, { recursive: true })
  const pictures = fromFiles(folder).pipe(contentHash(), decode({ onError: 'reject' }))
  const small = pictures.pipe(thumbnail(), perceptualHash(), resize({ width: 224, height: 224 }))
  const embedded = small.pipe(infer(), pca({ components: 32 }))
  const items = embedded.pipe(gmm(), neighbors(), duplicates())

  // Both flows read `items`, which is computed once.
  const scores = ['familiarity', 'familiarity_percentile', 'near_id', 'near_distance']
  const columns = ['id', 'label', 'split', 'width', 'height', ...scores, 'thumbnail']
  return {
    items: items.pipe(toParquet(join(out, 'items.parquet'), { columns })),
    groups: items.pipe(duplicateGroups(), toParquet(join(out, 'groups.parquet'))),
  }
}
