/** Element types of the tensors that graphs take and give. */
export type ElementType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool'

/** The values of a tensor, by its element type. */
export type TensorValues = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array

/** A tensor as it is passed between threads. */
export interface Tensor {
  /** Element type. */
  readonly type: ElementType
  /** Sizes; their product is the number of values. */
  readonly dims: readonly number[]
  /** Values, last dimension fastest. */
  readonly values: TensorValues
}

/** A value inside a graph: an input, a constant, or what a node gives. */
export type GraphValue = string & { readonly graphValue: unique symbol }

/** A node's attribute: numbers are integers (`int64`) unless wrapped as `{ float }`. */
export type Attribute = number | string | readonly number[] | { readonly float: number }

/** The numbers of the element types (TensorProto.DataType), as `Cast` takes them. */
export const elementCodes: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
}

/** AttributeProto.AttributeType */
const attributeCodes = { float: 1, integer: 2, text: 3, integers: 7 }

/** Opset 17 has all that is needed and is read by every onnxruntime since 1.12. */
const opset = 17
const irVersion = 8

/**
 * Writes small ONNX models: inputs, constants and nodes in, the bytes of a ModelProto out.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 * @example
 * const graph = new OnnxGraph()
 * const x = graph.input('x', 'float64', ['rows', 'columns'])
 * graph.output('squares', 'float64', graph.node('Mul', [x, x]))
 * graph.model() // => bytes for InferenceSession.create
 */
export class OnnxGraph {
  readonly #nodes: { op: string; inputs: string[]; outputs: string[]; attributes: Bytes[] }[] = []
  readonly #inputs: Bytes[] = []
  readonly #outputs: Bytes[] = []
  readonly #constants: Bytes[] = []
  /** Outputs are named after the nodes are made. */
  readonly #names = new Map<string, string>()
  #count = 0

  /** Adds an input; a dimension given as text is known only at the run. */
  input(name: string, type: ElementType, dims: readonly (number | string)[]): GraphValue {
    this.#inputs.push(valueInfo(name, type, dims))
    return name as GraphValue
  }

  /** Adds a constant. */
  constant(tensor: Tensor): GraphValue {
    const name = this.#name()
    const { buffer, byteOffset, byteLength } = tensor.values
    this.#constants.push([
      ...tensor.dims.map((size) => integer(1, size)),
      integer(2, elementCodes[tensor.type]),
      text(8, name),
      bytes(9, [new Uint8Array(buffer, byteOffset, byteLength)]),
    ])
    return name
  }

  /** Adds a constant without dimensions. */
  scalar(value: number, type: 'float32' | 'float64' = 'float64'): GraphValue {
    const values = type === 'float64' ? Float64Array.of(value) : Float32Array.of(value)
    return this.constant({ type, dims: [], values })
  }

  /** Adds a list of integers as a constant: axes, shapes. */
  integers(values: readonly number[]): GraphValue {
    const list = BigInt64Array.from(values, BigInt)
    return this.constant({ type: 'int64', dims: [values.length], values: list })
  }

  /** Adds a node of one output. An omitted optional input is `undefined`. */
  node(
    op: string,
    inputs: readonly (GraphValue | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): GraphValue {
    const [output] = this.nodeOf(1, op, inputs, attributes)
    return output as GraphValue
  }

  /** Adds a node of several outputs (Split, TopK). */
  nodeOf(
    outputs: number,
    op: string,
    inputs: readonly (GraphValue | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): GraphValue[] {
    const names = Array.from({ length: outputs }, () => this.#name())
    this.#nodes.push({
      op,
      inputs: inputs.map((value) => value ?? ''),
      outputs: names,
      attributes: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    })
    return names
  }

  /** Makes what a node gives an output of the graph called `name`. */
  output(name: string, type: ElementType, value: GraphValue): void {
    this.#names.set(value, name)
    this.#outputs.push(valueInfo(name, type))
  }

  /** The model's bytes. */
  model(): Uint8Array {
    const named = (value: string): string => this.#names.get(value) ?? value
    const graph = [
      ...this.#nodes.map(({ op, inputs, outputs, attributes }) =>
        bytes(1, [
          ...inputs.map((value) => text(1, named(value))),
          ...outputs.map((value) => text(2, named(value))),
          text(4, op),
          ...attributes.map((a) => bytes(5, a)),
        ]),
      ),
      text(2, 'millrace'),
      ...this.#constants.map((constant) => bytes(5, constant)),
      ...this.#inputs.map((info) => bytes(11, info)),
      ...this.#outputs.map((info) => bytes(12, info)),
    ]
    const opsetImport = [text(1, ''), integer(2, opset)]
    return Buffer.concat([integer(1, irVersion), bytes(7, graph), bytes(8, opsetImport)])
  }

  #name(): GraphValue {
    return `v${String(this.#count++)}` as GraphValue
  }
}

/** The parts of a message, not yet joined. */
type Bytes = Uint8Array[]

/** ValueInfoProto: without `dims` the shape is left open. */
function valueInfo(name: string, type: ElementType, dims?: readonly (number | string)[]): Bytes {
  const shape = dims?.map((size) =>
    bytes(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]),
  )
  const tensor = [integer(1, elementCodes[type]), ...(shape ? [bytes(2, shape)] : [])]
  return [text(1, name), bytes(2, [bytes(1, tensor)])]
}

/** AttributeProto */
function attribute(name: string, value: Attribute): Bytes {
  if (typeof value === 'number')
    return [text(1, name), integer(3, value), integer(20, attributeCodes.integer)]
  if (typeof value === 'string')
    return [text(1, name), text(4, value), integer(20, attributeCodes.text)]
  if ('float' in value) {
    const float = Buffer.alloc(5)
    float[0] = (2 << 3) | 5
    float.writeFloatLE(value.float, 1)
    return [text(1, name), float, integer(20, attributeCodes.float)]
  }
  const list = value.map((item) => integer(8, item))
  return [text(1, name), ...list, integer(20, attributeCodes.integers)]
}

/** A length-delimited field. */
function bytes(field: number, parts: Bytes): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return Buffer.concat([varint((field << 3) | 2), varint(length), ...parts])
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, [Buffer.from(value)])
}

/** A varint field; negative numbers take the ten bytes of their two's complement. */
function integer(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field << 3), varint(value)])
}

function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Uint8Array.of(...out, Number(rest))
}
