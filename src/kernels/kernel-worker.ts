import { serve, Transfer } from '../worker.ts'
import { choleskyInverses } from './cholesky.ts'
import { topEigen } from './eigen.ts'
import { kMeans } from './k-means.ts'
import type { Tensor } from './onnx-graph.ts'
import { searchMethods } from './search-methods.ts'
import { type Graph, releaseSessions, runGraph } from './sessions.ts'

/** Runs one graph; the outputs' buffers move. */
async function run(message: {
  readonly graph: Graph
  readonly inputs: Readonly<Record<string, Tensor>>
}): Promise<Transfer<Record<string, Tensor>>> {
  const outputs = await runGraph(message.graph, message.inputs)
  return new Transfer(outputs, buffersOf(Object.values(outputs).map((t) => t.values)))
}

async function eigen(
  message: Parameters<typeof topEigen>[0],
): Promise<Transfer<Awaited<ReturnType<typeof topEigen>>>> {
  const result = await topEigen(message)
  return new Transfer(result, buffersOf([result.values, result.vectors]))
}

function cholesky(
  message: Parameters<typeof choleskyInverses>[0],
): Transfer<ReturnType<typeof choleskyInverses>> {
  const result = choleskyInverses(message)
  return new Transfer(result, buffersOf([result.inverses, result.logDeterminants]))
}

async function cluster(
  message: Parameters<typeof kMeans>[0],
): Promise<Transfer<Awaited<ReturnType<typeof kMeans>>>> {
  const result = await kMeans(message)
  return new Transfer(result, buffersOf([result.centers, result.labels]))
}

function buffersOf(values: readonly ArrayBufferView[]): ArrayBuffer[] {
  return [...new Set(values.map((v) => v.buffer as ArrayBuffer))]
}

const methods = { run, eigen, cholesky, cluster, ...searchMethods }

/** What the kernel worker answers. */
export type KernelMethods = typeof methods

serve(methods, releaseSessions)
