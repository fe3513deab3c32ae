/** Two runs: `fit` fits models to the train split and saves them, `score` scores the test split by them. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { gmm } from 'millrace/operators/gmm'
import { infer } from 'millrace/operators/infer'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'

const clipart = join(import.meta.dirname, 'clipart')
const saved = join(tmpdir(), 'millrace-score-new-batch')
const scores = ['familiarity', 'familiarity_percentile', 'near_id', 'near_distance']

function embedded(split: string, folder: string) {
  const pictures = fromFiles(join(folder, split), { split, name: split })
  return pictures.pipe(decode({ onError: 'reject' }), resize({ width: 224, height: 224 }), infer())
}

export default function scoreNewBatch([step, models = saved, out = '-', data = clipart]: string[]) {
  const folder = (kind: string) => join(models, kind)
  if (step === 'fit')
    return embedded('train', data).pipe(
      pca({ components: 32, save: folder('pca') }),
      gmm({ save: folder('gmm') }),
      neighbors({ save: folder('neighbors') }),
    )
  return embedded('test', data).pipe(
    pca({ model: folder('pca') }),
    gmm({ model: folder('gmm') }),
    neighbors({ model: folder('neighbors') }),
    toJsonl(out, { columns: ['id', 'label', ...scores] }),
  )
}
