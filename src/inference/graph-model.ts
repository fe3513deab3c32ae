import type { io, Tensor } from '@tensorflow/tfjs-core'
import { type LoadedModel, unknownOutputs } from './loaded-model.ts'
import { runTensors } from './run-tensors.ts'
import type { TensorFlow } from './tfjs-backend.ts'

interface GraphNode {
  readonly name: string
  readonly op: string
}

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
  const { node: nodes } = artifacts.modelTopology as { readonly node: readonly GraphNode[] }
  checkAsked(asked, model.outputNodes, nodes)
  const fetches = [...(asked ?? model.outputNodes.slice(0, 1))]
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

/** Constants are out: what a run returns is released after it. A name may have the index of an output behind it. */
function checkAsked(
  asked: readonly string[] = [],
  outputs: readonly string[],
  nodes: readonly GraphNode[],
): void {
  const inside = nodes.filter(({ op }) => op !== 'Const').map(({ name }) => name)
  const known = new Set([...outputs, ...inside])
  const unknown = asked.filter((name) => !known.has(name) && !known.has(name.replace(/:\d+$/, '')))
  if (unknown.length > 0) throw unknownOutputs(unknown, outputs, { kind: 'nodes', inside })
}

/**
 * Whether a graph (tfjs-converter 4.22) has loops, branches or sizes that depend on values. Such run only
 * asynchronously, while others warn at each such run.
 */
function isDynamic(error: unknown): boolean {
  return error instanceof Error && error.message.includes('model.executeAsync()')
}
