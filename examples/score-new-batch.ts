/** Fits models to the train split and saves them, then scores the test split: a JSON line a picture. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'millrace'
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'

const temporary = join(tmpdir(), 'millrace-score-new-batch')

function embedded(split: string) {
  const folder = join(import.meta.dirname, 'clipart', split)
  const pictures = fromFiles(folder, { split, name: split }).pipe(decode({ onError: 'reject' }))
  return pictures.pipe(resize({ width: 224, height: 224 }), infer())
}

export default async function scoreNewBatch([out = '-', models = temporary]: string[]) {
  const train = embedded('train').pipe(
    pca({ components: 32, save: join(models, 'pca') }),
    gmm({ save: join(models, 'gmm') }),
    neighbors({ save: join(models, 'neighbors') }),
  )
  await run(train)

  const scores = ['familiarity', 'familiarity_percentile', 'near_id', 'near_distance']
  return embedded('test').pipe(
    pca({ model: join(models, 'pca') }),
    gmm({ model: join(models, 'gmm') }),
    neighbors({ model: join(models, 'neighbors') }),
    toJsonl(out, { columns: ['id', 'label', ...scores] }),
  )
}
