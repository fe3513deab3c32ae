import { DataError } from '../errors.ts'
import type { OnnxGraph } from '../kernels/onnx-graph.ts'
import {
  type Field,
  fieldsOf,
  integer,
  lengthDelimited,
  text,
  textOf,
} from '../kernels/protobuf.ts'
import { leastOpset } from './scorer-graph.ts'

// Numbers of fields, from <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
const modelFields = { irVersion: 1, graph: 7, opsetImport: 8, metadata: 14 }
const graphFields = { node: 1, initializer: 5, input: 11, output: 12, sparse: 15 }
const tensorFields = { name: 8, dataLocation: 14 }
const nodeFields = { output: 2 }

/** Initializers need not be inputs, too, from this version on. */
const leastIr = 4

/** What goes around a model. */
export interface Around {
  /** Name of its input, which `before` makes. */
  readonly input: string
  /** Nodes that run before it; has the input of the joined model. */
  readonly before: OnnxGraph
  /** Nodes that run after it; has the outputs of the joined model. */
  readonly after: OnnxGraph
  /** Names that the two make; the model may have none of them but `shared`. */
  readonly made: readonly string[]
  /** Kept with the model, for a person. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * An ONNX model between further nodes: its input becomes a value inside, its outputs are those of `after` alone. Its
 * nodes and weights are carried over byte by byte.
 *
 * @throws {DataError} if it cannot be carried over: no model, too old, weights in other files, or names that clash
 */
export function joinedModel(model: Uint8Array, url: string, around: Around): Uint8Array {
  const { before, after, metadata } = around
  const { graph, rest, irVersion } = parsed(model, url)
  checkNames(graph, around, url)
  const kept = graph.filter(
    (field) =>
      field.field !== graphFields.output &&
      !(field.field === graphFields.input && nameOf(field) === around.input),
  )
  return Buffer.concat([
    ...rest.map(({ whole }) => whole),
    integer(modelFields.irVersion, Math.max(irVersion, leastIr)),
    lengthDelimited(modelFields.graph, [
      ...before.fields(),
      ...kept.map(({ whole }) => whole),
      ...after.fields(),
    ]),
    ...Object.entries(metadata).map(([key, value]) =>
      lengthDelimited(modelFields.metadata, [text(1, key), text(2, value)]),
    ),
  ])
}

/** The name of a model's first output. */
export function firstOutput(model: Uint8Array, url: string): string {
  const output = parsed(model, url).graph.find(({ field }) => field === graphFields.output)
  return output ? nameOf(output) : ''
}

interface Parsed {
  /** Fields of the graph. */
  readonly graph: readonly Field[]
  /** Fields of the model but for the graph and the version of the format. */
  readonly rest: readonly Field[]
  readonly irVersion: number
}

function parsed(model: Uint8Array, url: string): Parsed {
  let fields: Field[]
  let graph: Field[]
  try {
    fields = [...fieldsOf(model)]
    graph = fields
      .filter(({ field }) => field === modelFields.graph)
      .flatMap(({ content }) => [...fieldsOf(content)])
  } catch (cause) {
    throw new DataError('Expected an ONNX model, got a file that is none', { url }, { cause })
  }
  const opset = opsetOf(fields)
  if (!(opset >= leastOpset))
    throw new DataError(
      `Expected a model of opset ${String(leastOpset)} or later, got ${String(opset)}; convert it with onnx.version_converter`,
      { url },
    )
  const rest = fields.filter(
    ({ field }) => field !== modelFields.graph && field !== modelFields.irVersion,
  )
  const irVersion = fields.find(({ field }) => field === modelFields.irVersion)?.integer ?? 0
  return { graph, rest, irVersion }
}

/** The version of ONNX's own operators. */
function opsetOf(fields: readonly Field[]): number {
  for (const { field, content } of fields) {
    if (field !== modelFields.opsetImport) continue
    const parts = [...fieldsOf(content)]
    const domain = parts.find((part) => part.field === 1)
    if (domain && !['', 'ai.onnx'].includes(textOf(domain))) continue
    return parts.find((part) => part.field === 2)?.integer ?? 1
  }
  return 1
}

function checkNames(graph: readonly Field[], { made }: Around, url: string): void {
  for (const name of valuesIn(graph, url)) {
    if (!made.includes(name)) continue
    throw new DataError(
      `Expected a model without a value called \`${name}\`, which the exported one has; rename it in the model`,
      { url },
    )
  }
}

function* valuesIn(graph: readonly Field[], url: string): Generator<string> {
  for (const { field, content } of graph)
    if (field === graphFields.node) {
      for (const part of fieldsOf(content)) if (part.field === nodeFields.output) yield textOf(part)
    } else if (field === graphFields.initializer) {
      const parts = [...fieldsOf(content)]
      if (parts.some((part) => part.field === tensorFields.dataLocation && part.integer === 1))
        throw new DataError(
          'Expected a model with its weights in one file, got one with weights beside it; save it with onnx.save_model(…, save_as_external_data=False)',
          { url },
        )
      const name = parts.find((part) => part.field === tensorFields.name)
      if (name) yield textOf(name)
    } else if (field === graphFields.input) yield nameOf({ content })
}

/** The name of a ValueInfoProto. */
function nameOf({ content }: Pick<Field, 'content'>): string {
  const name = [...fieldsOf(content)].find(({ field }) => field === 1)
  return name ? textOf(name) : ''
}
