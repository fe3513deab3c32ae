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
  const outputs = names.map((name) =>
    message(outputField, message(nameField, new TextEncoder().encode(name))),
  )
  return Buffer.concat([model, message(graphField, Buffer.concat(outputs))])
}

/** A length-delimited field. */
function message(field: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Uint8Array.of(...bytes, rest)
}
