import type { PictureSize } from '../pictures/pixels.ts'
import { byteTable } from './byte-table.ts'
import type { ModelTensor, PictureModel } from './loaded-model.ts'

/** Order of the dimensions of a model's input. */
export type Layout = 'nhwc' | 'nchw'

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const

type ModelValues = InstanceType<(typeof arrays)[keyof typeof arrays]>

/** Types of values that a model can be fed. */
export type FedType = keyof typeof arrays

/** The types of values that a model can be fed. */
export const fedTypes = Object.keys(arrays) as readonly FedType[]

/** Every byte as it is, for red, green and blue. */
const bytes = Float32Array.from({ length: 768 }, (_, at) => at & 255)

/**
 * Returns what turns the bytes of a picture of `size` into what the model wants, by a table for each channel:
 * numbers in its range if they are float32, else the bytes as they are.
 */
export function feeder(
  model: PictureModel,
  type: FedType,
  layout: Layout,
  { width, height }: PictureSize,
): (data: Uint8Array) => ModelTensor {
  const Values = arrays[type]
  const shape = layout === 'nhwc' ? [1, height, width, 3] : [1, 3, height, width]
  const plane = width * height
  const [step, channel] = layout === 'nhwc' ? [3, 1] : [1, plane]
  const table = type === 'float32' ? byteTable(model) : bytes
  const [red, green, blue] = [0, 256, 512].map(
    (from) => new Values(table.subarray(from, from + 256)),
  ) as [ModelValues, ModelValues, ModelValues]
  return (data) => {
    const values = new Values(3 * plane)
    for (let from = 0, to = 0; from < data.length; from += 3, to += step) {
      values[to] = red[data[from] as number] as number
      values[to + channel] = green[data[from + 1] as number] as number
      values[to + 2 * channel] = blue[data[from + 2] as number] as number
    }
    return { type, shape, values }
  }
}
