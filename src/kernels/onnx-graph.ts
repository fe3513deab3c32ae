import { float, integer, lengthDelimited, type Parts, text } from './protobuf.ts'

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
  readonly #nodes: { op: string; inputs: string[]; outputs: string[]; attributes: Parts[] }[] = []
  readonly #inputs: Parts[] = []
  readonly #outputs: Parts[] = []
  readonly #constants: Parts[] = []
  /** Outputs are named after the nodes are made. */
  readonly #names = new Map<string, string>()
  #count = 0
  readonly #prefix: string

  /** Values inside are named `prefix` and a number: where graphs are joined, each has its own. */
  constructor(prefix = 'v') {
    this.#prefix = prefix
  }

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
      lengthDelimited(9, [new Uint8Array(buffer, byteOffset, byteLength)]),
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

  /** A value that is made elsewhere: in a graph that this one is joined to. */
  known(name: string): GraphValue {
    return name as GraphValue
  }

  /** Gives what a node makes a name of one's own. */
  call(name: string, value: GraphValue): void {
    this.#names.set(value, name)
  }

  /** Makes what a node gives an output of the graph called `name`. */
  output(
    name: string,
    type: ElementType,
    value: GraphValue,
    dims?: readonly (number | string)[],
  ): void {
    this.call(name, value)
    this.#outputs.push(valueInfo(name, type, dims))
  }

  /** The model's bytes. */
  model(): Uint8Array {
    const opsetImport = [text(1, ''), integer(2, opset)]
    const graph = [text(2, 'millrace'), ...this.fields()]
    return Buffer.concat([
      integer(1, irVersion),
      lengthDelimited(7, graph),
      lengthDelimited(8, opsetImport),
    ])
  }

  /** The fields of a GraphProto, for a model that others write; its name is not among them. */
  fields(): Parts {
    const named = (value: string): string => this.#names.get(value) ?? value
    return [
      ...this.#nodes.map(({ op, inputs, outputs, attributes }) =>
        lengthDelimited(1, [
          ...inputs.map((value) => text(1, named(value))),
          ...outputs.map((value) => text(2, named(value))),
          text(4, op),
          ...attributes.map((a) => lengthDelimited(5, a)),
        ]),
      ),
      ...this.#constants.map((constant) => lengthDelimited(5, constant)),
      ...this.#inputs.map((info) => lengthDelimited(11, info)),
      ...this.#outputs.map((info) => lengthDelimited(12, info)),
    ]
  }

  #name(): GraphValue {
    return `${this.#prefix}${String(this.#count++)}` as GraphValue
  }
}

/** ValueInfoProto: without `dims` the shape is left open. */
function valueInfo(name: string, type: ElementType, dims?: readonly (number | string)[]): Parts {
  const shape = dims?.map((size) =>
    lengthDelimited(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]),
  )
  const tensor = [integer(1, elementCodes[type]), ...(shape ? [lengthDelimited(2, shape)] : [])]
  return [text(1, name), lengthDelimited(2, [lengthDelimited(1, tensor)])]
}

/** AttributeProto */
function attribute(name: string, value: Attribute): Parts {
  if (typeof value === 'number')
    return [text(1, name), integer(3, value), integer(20, attributeCodes.integer)]
  if (typeof value === 'string')
    return [text(1, name), text(4, value), integer(20, attributeCodes.text)]
  if ('float' in value)
    return [text(1, name), float(2, value.float), integer(20, attributeCodes.float)]
  const list = value.map((item) => integer(8, item))
  return [text(1, name), ...list, integer(20, attributeCodes.integers)]
}
