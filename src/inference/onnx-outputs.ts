import { lengthDelimited, text } from '../kernels/protobuf.ts'

const graphField = 7
const outputField = 12
const nameField = 1

/**
 * The bytes of an ONNX model with tensors from inside its graph as further outputs. Nothing is
 * parsed: a protobuf message that occurs twice is merged, so a second `graph` that holds the
 * outputs alone is appended. The runtime infers their types.
 *
 * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (ModelProto.graph, GraphProto.output, ValueInfoProto.name)
 */
export function withOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const outputs = names.map((name) => lengthDelimited(outputField, [text(nameField, name)]))
  return Buffer.concat([model, lengthDelimited(graphField, outputs)])
}
