import type { Tensor } from '@tensorflow/tfjs-core'
import type { ModelTensor } from './loaded-model.ts'
import type { TensorFlow } from './tfjs-backend.ts'

/** Gives `execute` a tensor and reads those that it returns. All of them are released afterwards. */
export async function runTensors(
  tf: TensorFlow,
  { type, shape, values }: ModelTensor,
  execute: (fed: Tensor) => Made | Promise<Made>,
): Promise<readonly ModelTensor[]> {
  const fed = tf.tensor(values as Float32Array, [...shape], type as 'float32')
  let made: readonly Tensor[] = []
  try {
    made = [await execute(fed)].flat()
    return made.map((tensor) => ({
      type: tensor.dtype,
      shape: tensor.shape,
      values: tensor.dataSync(),
    }))
  } finally {
    tf.dispose([fed, ...made])
  }
}

type Made = Tensor | readonly Tensor[]
