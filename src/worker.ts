import { existsSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker } from 'node:worker_threads'
import type { Transferable } from 'node:worker_threads'
import { fromPlainError, type PlainError, toPlainError, WorkerError } from './errors.ts'

/** What a worker thread answers: each method takes one message and returns one. */
export type Methods = Readonly<Record<string, (message: never) => unknown>>

type Message<M, K extends keyof M> = M[K] extends (message: infer A) => unknown ? A : never
type Answer<M, K extends keyof M> = M[K] extends (message: never) => infer R ? Unwrap<R> : never
type Unwrap<R> = Awaited<R> extends Transfer<infer V> ? V : Awaited<R>

/**
 * Room for new objects in a thread. V8 would let it grow to 48 MB in each, slowly, so that a longer run would take more
 * memory; what our threads make in numbers is buffers, which do not lie there. Measured by bench/soak.ts: 20 MB.
 */
const youngMb = 6

interface Call {
  readonly id: number
  readonly method: string
  readonly message: unknown
}

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: PlainError
}

/** An answer whose buffers are moved to the other thread, not copied. */
export class Transfer<V> {
  readonly value: V
  readonly buffers: readonly Transferable[]
  constructor(value: V, buffers: readonly Transferable[]) {
    this.value = value
    this.buffers = buffers
  }
}

/**
 * A worker thread that answers calls. If it dies, the open calls fail with a {@link WorkerError}. It starts with the first call, answers in
 * the order in which its work ends, and keeps the process alive only while a call is open.
 *
 * Stopping is by message: onnxruntime aborts the process when a thread is
 * terminated inside `run`, so {@link WorkerThread.close} lets open calls end first.
 */
export class WorkerThread<M extends Methods> {
  readonly #file: string
  readonly #data: unknown
  #worker: Worker | undefined
  #exited: Promise<void> | undefined
  #closing = false
  #ids = 0
  readonly #open = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >()

  /** `module` is relative to `importer` (its `import.meta.url`), without extension. `data` is its `workerData`. */
  constructor(importer: string, module: string, data?: unknown) {
    this.#file = workerFile(importer, module)
    this.#data = data
  }

  /** How many calls are open. */
  get load(): number {
    return this.#open.size
  }

  /** Whether it takes no more calls. */
  get closed(): boolean {
    return this.#closing
  }

  /** Calls `method` with `message`; `transfer` lists the buffers that move with it. */
  call<K extends keyof M & string>(
    method: K,
    message: Message<M, K>,
    transfer: readonly Transferable[] = [],
  ): Promise<Answer<M, K>> {
    if (this.#closing) return Promise.reject(new Error(`Expected an open worker, got a closed one`))
    const worker = (this.#worker ??= this.#start())
    const id = this.#ids++
    return new Promise<unknown>((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, method, message } satisfies Call, transfer)
    }) as Promise<Answer<M, K>>
  }

  /** Lets open calls end, then ends the thread. */
  async close(): Promise<void> {
    this.#closing = true
    if (!this.#worker) return
    this.#worker.ref()
    this.#worker.postMessage('close')
    await this.#exited
  }

  #start(): Worker {
    // onnxruntime 1.30 reports its use to its maker unless told not to, before its first session.
    process.env['ORT_DISABLE_TELEMETRY'] ??= '1'
    const worker = new Worker(this.#file, {
      workerData: this.#data,
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
    })
    worker.unref()
    worker.on('message', (reply: Reply) => {
      const call = this.#open.get(reply.id)
      this.#open.delete(reply.id)
      if (this.#open.size === 0 && !this.#closing) worker.unref()
      if (reply.error) call?.reject(fromPlainError(reply.error))
      else call?.resolve(reply.value)
    })
    this.#exited = new Promise((resolve) => {
      worker.on('error', (cause) => {
        this.#died(worker, `one that failed: ${cause.message}`, cause)
      })
      worker.on('exit', (code) => {
        this.#died(worker, `one that ended with code ${String(code)}`)
        resolve()
      })
    })
    return worker
  }

  /** A thread that died answers nothing more; the next call starts a new one. */
  #died(worker: Worker, got: string, cause?: unknown): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    const name = basename(this.#file, '.js')
    const error = new WorkerError(`Expected worker thread \`${name}\` to answer, got ${got}`, {
      cause,
    })
    for (const { reject } of this.#open.values()) reject(error)
    this.#open.clear()
  }
}

/** Answers calls on this thread until it is told to close; `close` then releases what it holds. */
export function serve(methods: Methods, close: () => unknown = () => undefined): void {
  const port = parentPort
  if (!port) throw new Error('Expected to run in a worker thread')
  const open = new Set<Promise<void>>()
  port.on('message', (call: Call | 'close') => {
    if (call === 'close') {
      void Promise.allSettled(open)
        .then(close)
        .finally(() => {
          port.close()
        })
      return
    }
    const answering = answer(methods, call).then(({ reply, buffers }) => {
      port.postMessage(reply, buffers)
      open.delete(answering)
    })
    open.add(answering)
  })
}

async function answer(
  methods: Methods,
  { id, method, message }: Call,
): Promise<{ reply: Reply; buffers: readonly Transferable[] }> {
  try {
    const run = methods[method]
    if (!run) throw new Error(`Expected a method of the worker, got \`${method}\``)
    const value = await run(message as never)
    return value instanceof Transfer
      ? { reply: { id, value: value.value as unknown }, buffers: value.buffers }
      : { reply: { id, value }, buffers: [] }
  } catch (error) {
    return { reply: { id, error: toPlainError(error) }, buffers: [] }
  }
}

/** Node cannot load TypeScript in a worker, so from the sources (tests) the built file serves. */
function workerFile(importer: string, module: string): string {
  const from = fileURLToPath(importer)
  const file = join(dirname(from), module)
  if (from.endsWith('.js')) return `${file}.js`
  let root = dirname(from)
  while (!existsSync(join(root, 'package.json'))) root = dirname(root)
  return join(root, 'dist', `${relative(root, file)}.js`)
}
