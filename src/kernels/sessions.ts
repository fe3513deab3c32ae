import { availableParallelism } from 'node:os'
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { ElementType, Tensor, TensorValues } from './onnx-graph.ts'

/** A graph and the name under which its session is kept. */
export interface Graph {
  /** Two graphs of one key are the same graph. */
  readonly key: string
  /** The ONNX model's bytes. */
  readonly model: Uint8Array
}

/** Sessions kept; the one used longest ago is released first. */
const mostSessions = 64

const sessions = new Map<string, Promise<InferenceSession>>()

let loading: Promise<typeof import('onnxruntime-node')> | undefined

/** The runtime, loaded at the first graph: much of what small inputs ask of the thread does without. */
function runtime(): Promise<typeof import('onnxruntime-node')> {
  return (loading ??= import('onnxruntime-node'))
}

/**
 * Runs a graph on this thread, which it blocks. Only for worker threads; others go through `kernel()`.
 * A session is made at a graph's first run and kept.
 */
export async function runGraph(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const { Tensor } = await runtime()
  const session = await sessionOf(graph)
  const feeds: Record<string, OrtTensor> = {}
  for (const [name, { type, dims, values }] of Object.entries(inputs))
    feeds[name] = new Tensor(type as 'float64', values as Float64Array, dims)
  const results = await session.run(feeds)
  const outputs: Record<string, Tensor> = {}
  for (const [name, { type, dims, data }] of Object.entries(results))
    outputs[name] = { type: type as ElementType, dims, values: data as TensorValues }
  return outputs
}

/** Releases every session. */
export async function releaseSessions(): Promise<void> {
  const open = [...sessions.values()]
  sessions.clear()
  for (const session of await Promise.allSettled(open))
    if (session.status === 'fulfilled') await session.value.release()
}

function sessionOf({ key, model }: Graph): Promise<InferenceSession> {
  const kept = sessions.get(key)
  const session = kept ?? create(model)
  sessions.delete(key)
  sessions.set(key, session)
  if (!kept) {
    session.catch(() => sessions.delete(key))
    void releaseOldest()
  }
  return session
}

async function create(model: Uint8Array): Promise<InferenceSession> {
  const { InferenceSession } = await runtime()
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: availableParallelism(),
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
}

async function releaseOldest(): Promise<void> {
  const [oldest] = sessions
  if (!oldest || sessions.size <= mostSessions) return
  sessions.delete(oldest[0])
  await (await oldest[1]).release()
}
