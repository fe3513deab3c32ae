/** Finds what is unusual within pictures: how familiar each of their patches is among those of all pictures. */
import { join } from 'node:path'
import { fromFiles } from 'millrace/connectors/from-files'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { decode } from 'millrace/operators/decode'
import { gmm } from 'millrace/operators/gmm'
import { grayscale } from 'millrace/operators/grayscale'
import { infer } from 'millrace/operators/infer'
import { patches } from 'millrace/operators/patches'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'

const clipart = join(import.meta.dirname, 'clipart')
const columns = ['patch_of', 'patch_left', 'patch_top', 'familiarity', 'familiarity_percentile']

export default function unusualPatches([folder = join(clipart, 'test'), out = '-']: string[]) {
  const shapes = fromFiles(folder).pipe(
    decode({ onError: 'reject' }),
    grayscale(), // what is drawn, whatever its colours
    resize({ width: 448, height: 448 }),
  )
  return shapes.pipe(
    patches({ width: 224, height: 224 }), // four of each picture
    infer(),
    pca({ components: 8 }),
    gmm({ components: 1 }),
    toJsonl(out, { columns }),
  )
}
