import { readFile } from 'node:fs/promises'
import type { io } from '@tensorflow/tfjs-core'
import { OptionError } from '../errors.ts'
import { graphModel } from './graph-model.ts'
import { layersModel } from './layers-model.ts'
import type { LoadedModel } from './loaded-model.ts'
import { reasonOf } from './reason-of.ts'
import { type ModelJson, notTfjs, readModelJson, weightFiles } from './model-files.ts'
import { type Backend, backendNames, type TensorFlow, tensorFlow } from './tfjs-backend.ts'

/**
 * Loads a graph or layers model by its `model.json`. What is asked for is an output, a node of the graph or a
 * layer.
 *
 * @throws {DataError} if the files are no model
 * @throws {OptionError} if the model has no such output
 * @throws {ConnectorError} if no backend is installed and loads
 */
export async function loadTfjs(
  file: string,
  asked?: readonly string[],
  backend?: Backend,
): Promise<LoadedModel> {
  const json = await readModelJson(file)
  const { tf, warning } = await tensorFlow(backend ? [backend] : backendNames)
  try {
    const artifacts = await artifactsOf(tf, file, json)
    const open = json.modelTopology.node ? graphModel : layersModel
    return { ...(await open(tf, artifacts, asked)), warning }
  } catch (cause) {
    if (cause instanceof OptionError) throw cause
    throw notTfjs(file, reasonOf(cause), cause)
  }
}

/** The model's parts, read here, since without a native backend TensorFlow.js reads no files. */
async function artifactsOf(
  tf: TensorFlow,
  file: string,
  json: ModelJson,
): Promise<io.ModelArtifacts> {
  const weights: ArrayBuffer[] = []
  for (const path of await weightFiles(file))
    weights.push(Uint8Array.from(await readFile(path)).buffer)
  return tf.io.getModelArtifactsForJSON(json, (manifest) =>
    Promise.resolve([tf.io.getWeightSpecs(manifest), weights]),
  )
}
