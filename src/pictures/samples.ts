import { DataType, type Field, type Struct, type Vector } from 'apache-arrow'
import { tensorShape } from '../batch/tensor.ts'
import type { SampleArray, Samples } from '../kernels/samples.ts'
import { typeName } from '../batch/schema.ts'

const sampleTypes: readonly string[] = ['Uint8', 'Uint16', 'Float32', 'Float64']

/** Whether a field holds tensors height × width or height × width × channels of uint8, uint16, float32 or float64. */
export function isSamples(field: Field): boolean {
  const type = field.type as DataType
  if (DataType.isFixedSizeList(type)) {
    const { length } = tensorShape(field)
    return (
      (length === 2 || length === 3) && sampleTypes.includes(typeName(type.valueType as DataType))
    )
  }
  const parts = variableParts(field)
  return (
    parts !== undefined &&
    (parts.dimensions === 2 || parts.dimensions === 3) &&
    sampleTypes.includes(typeName(parts.value))
  )
}

/** The picture in `row` of such a field, copied. */
export function samplesAt(field: Field, vector: Vector, row: number): Samples | null {
  if (!vector.isValid(row)) return null
  if (DataType.isFixedSizeList(field.type)) {
    const item = vector.get(row) as Vector
    return samplesOf(item, tensorShape(field))
  }
  const item = vector.get(row) as { data: Vector; shape: Vector }
  return samplesOf(item.data, item.shape.toArray() as ArrayLike<number>)
}

function samplesOf(values: Vector, shape: ArrayLike<number>): Samples {
  const data = (values.toArray() as SampleArray).slice()
  return { data, height: shape[0] ?? 0, width: shape[1] ?? 0, channels: shape[2] ?? 1 }
}

/** The types of a tensor of variable shape; undefined if it is none. */
function variableParts(
  field: Field,
): { readonly value: DataType; readonly dimensions: number } | undefined {
  if (field.metadata.get('ARROW:extension:name') !== 'arrow.variable_shape_tensor') return undefined
  const [data, shape] = (field.type as Struct).children.map((child) => child.type as DataType)
  if (!DataType.isList(data) || !DataType.isFixedSizeList(shape)) return undefined
  return { value: data.valueType as DataType, dimensions: shape.listSize }
}
