import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** Node of the graph that the bundled model gives as `emb`. */
export const embeddingNode =
  'StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict/feature_vector/SpatialSqueeze'

/**
 * Writes a model of nsfwjs 4.3 as TensorFlow.js reads it; the package has its parts as modules. Of the two,
 * `mobilenet_v2` is made of layers and `mobilenet_v2_mid` is a graph, the one that the bundled model was made of.
 */
export async function nsfwjsModel(
  folder: string,
  name: 'mobilenet_v2' | 'mobilenet_v2_mid',
): Promise<string> {
  const models = join(dirname(require.resolve('nsfwjs')), '../models', name)
  const model = require(join(models, 'model.min.js')) as {
    readonly weightsManifest: readonly { readonly paths: readonly string[] }[]
  }
  const file = join(folder, name, 'model.json')
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, JSON.stringify(model))
  for (const path of model.weightsManifest.flatMap(({ paths }) => paths)) {
    const part = require(join(models, `${path}.min.js`)) as string
    await writeFile(join(dirname(file), path), Buffer.from(part, 'base64'))
  }
  return file
}
