import type { io } from '@tensorflow/tfjs-core'
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers'
import { type LoadedModel, unknownOutputs } from './loaded-model.ts'
import { reasonOf } from './reason-of.ts'
import { runTensors } from './run-tensors.ts'
import type { TensorFlow } from './tfjs-backend.ts'

/**
 * Opens layers of TensorFlow.js (a Keras model). Any layer can be asked for.
 *
 * @throws {OptionError} if there is no such layer
 */
export async function layersModel(
  tf: TensorFlow,
  artifacts: io.ModelArtifacts,
  asked?: readonly string[],
): Promise<LoadedModel> {
  const whole = await tf.loadLayersModel(tf.io.fromMemory(artifacts))
  const outputs = asked?.map((name) => outputOf(whole, name)) ?? whole.outputs.slice(0, 1)
  const model = tf.model({ inputs: whole.inputs, outputs })
  return {
    inputs: whole.inputs.map(({ name, dtype, shape }) => ({
      name,
      type: dtype,
      shape: shape.map((size) => size ?? -1),
    })),
    run: (fed) => runTensors(tf, fed, (picture) => model.predict(picture)),
    // The layers are shared.
    close: () => whole.dispose(),
  }
}

function outputOf({ layers, outputs, outputNames }: LayersModel, name: string): SymbolicTensor {
  const inside = layers.map((layer) => layer.name)
  try {
    const layer = layers[inside.indexOf(name)]
    const [output, ...more] = [outputs[outputNames.indexOf(name)] ?? layer?.output ?? []].flat()
    if (output && more.length === 0) return output
  } catch (cause) {
    // A layer that is used at several places has no single output.
    throw unknownOutputs([name], outputNames, { kind: 'layers', because: reasonOf(cause) })
  }
  throw unknownOutputs([name], outputNames, { kind: 'layers', inside })
}
