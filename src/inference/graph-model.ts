import type { io, Tensor } from '@tensorflow/tfjs-core'
import { type LoadedModel, unknownOutputs } from './loaded-model.ts'
import { runTensors } from './run-tensors.ts'
import type { TensorFlow } from './tfjs-backend.ts'

/**
 * Opens a graph of TensorFlow.js. Any node can be asked for that computes something.
 *
 * @throws {OptionError} if there is no such node
 */
export async function graphModel(
  tf: TensorFlow,
  artifacts: io.ModelArtifacts,
  asked?: readonly string[],
): Promise<LoadedModel> {
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts))
  const computed = computedNodes(artifacts)
  // By the names of its signature, if it has one.
  const outputs = model.outputNodes.filter((_, at) => computed.has(model.outputs[at]?.name ?? ''))
  const unknown = asked?.filter((name) => !outputs.includes(name) && !computed.has(nodeOf(name)))
  if (unknown?.length)
    throw unknownOutputs(unknown, outputs, { kind: 'nodes', inside: [...computed] })
  const fetches = [...(asked ?? outputs.slice(0, 1))]
  const inputs = model.inputs.map(({ name, shape, dtype }) => ({
    name,
    type: dtype,
    shape: shape ?? [-1, -1, -1, -1],
  }))
  let dynamic = false
  async function execute(picture: Tensor): Promise<Tensor | Tensor[]> {
    const fed = { [inputs[0]?.name ?? '']: picture }
    try {
      if (!dynamic) return model.execute(fed, fetches)
    } catch (error) {
      if (!isDynamic(error)) throw error
      dynamic = true
    }
    return model.executeAsync(fed, fetches)
  }
  return {
    inputs,
    run: (fed) => runTensors(tf, fed, execute),
    close: () => {
      model.dispose()
    },
  }
}

/** Names of what is no constant: what a run returns is released after it, and constants have to last. */
function computedNodes({ modelTopology }: io.ModelArtifacts): ReadonlySet<string> {
  const { node: nodes } = modelTopology as {
    readonly node: readonly { readonly name: string; readonly op: string }[]
  }
  return new Set(nodes.filter(({ op }) => op !== 'Const').map(({ name }) => name))
}

/** A name may have the index of one of the node's outputs behind it. */
function nodeOf(name: string): string {
  return name.replace(/:\d+$/, '')
}

/**
 * Whether a graph (tfjs-converter 4.22) has loops, branches or sizes that depend on values. Such run only
 * asynchronously, while others warn at each such run.
 */
function isDynamic(error: unknown): boolean {
  return error instanceof Error && error.message.includes('model.executeAsync()')
}
