import { WorkerThread } from '../worker.ts'
import type { KernelMethods } from './kernel-worker.ts'
import type { Tensor } from './onnx-graph.ts'
import type { Graph } from './sessions.ts'

/** The thread for heavy arithmetic. */
export type Kernel = WorkerThread<KernelMethods>

let shared: Kernel | undefined

/**
 * The kernel worker of this process, started at its first call.
 *
 * One thread is enough: each call takes all cores, so calls wait for one another. It does not keep
 * the process alive, and its sessions are kept by the key of their graph, so small inputs pay a
 * round trip (about .1 ms) and no set-up.
 *
 * New arithmetic needs no change here. Write a file of its own in this folder that makes a
 * {@link Graph} (its bytes by `OnnxGraph`, its key naming all that shapes it) and calls
 * {@link runKernel} with its inputs. Only an algorithm that would otherwise cross between the
 * threads many times becomes a method of `kernel-worker.ts`.
 */
export function kernel(): Kernel {
  return (shared ??= new WorkerThread<KernelMethods>(import.meta.url, './kernel-worker'))
}

/**
 * Runs a graph in the kernel worker.
 *
 * `transfer` lists inputs whose buffers may move there: they are empty afterwards. The others are
 * copied, and with a view of a larger buffer all of that buffer: `slice` first.
 */
export function runKernel<Outputs extends string>(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  transfer: readonly Tensor[] = [],
): Promise<Record<Outputs, Tensor>> {
  const buffers = transfer.map((tensor) => tensor.values.buffer as ArrayBuffer)
  return kernel().call('run', { graph, inputs }, buffers)
}

/** Ends the kernel worker, after its open calls; the next call starts another. */
export async function closeKernel(): Promise<void> {
  const closing = shared
  shared = undefined
  await closing?.close()
}
