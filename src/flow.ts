import type { Schema } from 'apache-arrow'
import { Observable, Subscriber, type TeardownLogic } from 'rxjs'
import type { Context } from './context.ts'
import { Control } from './control.ts'
import { OverrunError } from './errors.ts'

/** Starts one run. Values and control messages are made as they are asked for, until the signal aborts. */
export type Pull<T> = (context: Context) => AsyncIterable<T | Control>

/** What is known of a flow before it runs; `check` and `explain` read it. */
export interface FlowInfo {
  /** Name of the operator or connector. */
  readonly name: string
  /** What the flow reads from. */
  readonly inputs?: readonly Flow<unknown>[]
  /** The schema of its batches, from those of its inputs; may read metadata, never data. */
  readonly schema?: (inputs: readonly Schema[]) => Schema | Promise<Schema>
  /**
   * Whether it ends by itself.
   *
   * @default true if every input does
   */
  readonly bounded?: boolean
  /** What a plan shows: a source, an operator, a sink, or a foreign RxJS operator, whose rows cannot be seen. */
  readonly role: 'source' | 'operator' | 'sink' | 'foreign'
  /** Most bytes held in its queues and state, as far as it is known before the run. */
  readonly memoryBytes?: number
  /** Delivery, of a sink. */
  readonly guarantee?: Guarantee
  /** Options worth showing in a plan. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** What a sink promises when a run is resumed. */
export type Guarantee = 'exactly-once' | 'idempotent' | 'at-least-once'

type Operator<T, R> = (this: Subscriber<R>, source: Observable<T>) => TeardownLogic

/**
 * An Observable that can also be pulled, which is what gives it backpressure.
 *
 * Pushing: a subscription pulls one value, hands it on, and waits until every
 * mailbox that the value landed in has been emptied before it pulls the next.
 * So any chain of RxJS operators that answer at once is bounded, inner flows
 * (`concatMap(() => flow)`) included. Operators that hold values by their
 * nature (`delay`, `mergeMap` over promises, `zip`) read ahead.
 *
 * Control messages go around RxJS operators: they arrive after the values that
 * those had answered by then. A plain subscriber sees values alone.
 */
export class Flow<T> extends Observable<T> implements AsyncIterable<T> {
  /** Starts a run that is driven by its reader, who sees control messages too. */
  readonly pull: Pull<T>
  /** What is known before it runs. */
  readonly info: FlowInfo

  constructor(
    pull: Pull<T>,
    info: FlowInfo = { name: 'flow', role: 'source' },
    push = (out: Subscriber<T>): TeardownLogic => pump(pull, out),
  ) {
    super(push)
    this.pull = pull
    this.info = info
  }

  /** Whether it ends by itself. */
  get bounded(): boolean {
    return this.info.bounded ?? (this.info.inputs ?? []).every((input) => input.bounded)
  }

  /**
   * The schema of its batches, or undefined where it cannot be known: after a foreign operator,
   * until `declare(schema)`.
   *
   * @throws {SchemaError} if an operator finds a column missing or of another type
   */
  async schema(): Promise<Schema | undefined> {
    if (!this.info.schema) return undefined
    const inputs: Schema[] = []
    for (const input of this.info.inputs ?? []) {
      const schema = await input.schema()
      if (!schema) return undefined
      inputs.push(schema)
    }
    return this.info.schema(inputs)
  }

  /** Reads the values, one by one. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    const abort = new AbortController()
    const pulled = untilAborted(this.pull({ signal: abort.signal }), abort.signal)
    return {
      async next() {
        for (;;) {
          const result = await pulled.next()
          if (result.done) return { done: true, value: undefined }
          if (!(result.value instanceof Control)) return { done: false, value: result.value }
        }
      },
      async return() {
        abort.abort()
        await pulled.return(undefined)
        return { done: true, value: undefined }
      },
    }
  }

  /** RxJS 7 builds every operator on `lift`; overriding it makes each result a flow. */
  override lift<R>(operator: NonNullable<Parameters<Observable<T>['lift']>[0]>): Flow<R> {
    const lifted = new Observable<R>((out) =>
      (operator as unknown as Operator<T, R>).call(out, this),
    )
    return new Flow(
      (context) => new Mailbox<R>().values(lifted, context),
      { name: 'rxjs', role: 'foreign', inputs: [this] },
      (out) => lifted.subscribe(out),
    )
  }
}

/**
 * Returns `source` itself if it is a flow; else a flow over it. A Node Readable or another
 * (async) iterable is read at the reader's pace. A plain Observable cannot be slowed: it may
 * be `limit` values ahead, and then the flow fails.
 *
 * @throws {OverrunError} on the stream, if a plain Observable runs further ahead
 */
export function flowOf<T>(
  source: Observable<T> | AsyncIterable<T> | Iterable<T>,
  limit = 64,
): Flow<T> {
  if (source instanceof Flow) return source as Flow<T>
  if (source instanceof Observable)
    return new Flow((context) => new Mailbox<T>(limit).values(source, context), {
      name: 'observable',
      role: 'source',
    })
  return new Flow(
    async function* () {
      yield* source
    },
    { name: 'iterable', role: 'source' },
  )
}

/** What a subscription inherits from the pull that causes it, across RxJS operators. */
interface Ambient {
  readonly context: Context
  /** Takes a control message past the operators in between. */
  readonly pass: (control: Control) => Promise<void>
}

let ambient: Ambient | undefined

/** The emptyings to wait for, collected while one value is handed on. */
let landings: Set<Promise<void>> | undefined

function pump<T>(pull: Pull<T>, out: Subscriber<T>): () => void {
  const abort = new AbortController()
  const outer = ambient
  const context: Context = {
    ...(outer?.context.run && { run: outer.context.run }),
    signal: abort.signal,
  }
  handOn(untilAborted(pull(context), abort.signal), out, outer).catch((error: unknown) => {
    out.error(error)
  })
  return () => {
    abort.abort()
  }
}

async function handOn<T>(
  values: AsyncIterable<T | Control>,
  out: Subscriber<T>,
  inherited: Ambient | undefined,
): Promise<void> {
  for await (const value of values) {
    if (value instanceof Control) {
      await inherited?.pass(value)
      continue
    }
    const outer = { landings, ambient }
    const mine = (landings = new Set())
    ambient = inherited
    try {
      out.next(value)
    } finally {
      ;({ landings, ambient } = outer)
    }
    for (const emptied of mine) await emptied
  }
  out.complete()
}

/** Holds what is pushed until it is taken. */
class Mailbox<T> extends Subscriber<T> {
  readonly #limit: number
  #held: (T | Control)[] = []
  #failure: { readonly cause: unknown } | undefined
  #arrived = new Deferred()
  #emptied = new Deferred()

  constructor(limit = Infinity) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS 7 offers no other base for an observer that can stop its source
    super()
    this.#limit = limit
  }

  protected override _next(value: T): void {
    this.#held.push(value)
    landings?.add(this.#emptied.promise)
    if (this.#held.length > this.#limit)
      this.error(new OverrunError(`Expected at most ${String(this.#limit)} values waiting`))
    this.#arrived.resolve()
  }

  protected override _error(cause: unknown): void {
    this.#failure = { cause }
    this.unsubscribe()
  }

  protected override _complete(): void {
    this.unsubscribe()
  }

  override unsubscribe(): void {
    super.unsubscribe()
    this.#arrived.resolve()
  }

  /** Subscribes to `source`; being asked for a value when none is held counts as having emptied the box. */
  async *values(source: Observable<T>, context: Context): AsyncGenerator<T | Control, undefined> {
    const stop = (): void => {
      this.unsubscribe()
    }
    context.signal.addEventListener('abort', stop)
    const outer = ambient
    ambient = { context, pass: (control) => this.#pass(control) }
    try {
      source.subscribe(this)
    } finally {
      ambient = outer
    }
    try {
      while (!context.signal.aborted) {
        const taken = this.#held
        this.#held = []
        yield* taken
        if (this.#held.length > 0) continue
        if (this.#failure) throw this.#failure.cause
        if (this.closed) return
        this.#arrived = new Deferred()
        this.#emptied.resolve()
        this.#emptied = new Deferred()
        await this.#arrived.promise
      }
    } finally {
      context.signal.removeEventListener('abort', stop)
      this.unsubscribe()
      this.#emptied.resolve()
    }
  }

  #pass(control: Control): Promise<void> {
    if (this.closed) return Promise.resolve()
    this.#held.push(control)
    this.#arrived.resolve()
    return this.#emptied.promise
  }
}

/** The values of `source`; ends at once when `signal` aborts, even while one is waited for. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, undefined> {
  const ended = { done: true, value: undefined } as const
  let end: ((result: typeof ended) => void) | undefined
  let waiting = false
  const stop = (): void => end?.(ended)
  signal.addEventListener('abort', stop)
  const values = source[Symbol.asyncIterator]()
  try {
    while (!signal.aborted) {
      // Not Promise.race: on a promise that outlives the loop it would gather a reaction per value.
      const pulled = await new Promise<IteratorResult<T>>((resolve, reject) => {
        end = resolve
        waiting = true
        values.next().then(resolve, reject)
      })
      waiting = pulled === ended
      if (pulled.done) return
      yield pulled.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    const returned = values.return?.().catch(() => undefined)
    // One that waits, maybe for ever, returns when its wait is over.
    if (!waiting) await returned
  }
}

/** A promise that is settled from outside. */
export class Deferred {
  resolve: () => void = () => undefined
  readonly promise = new Promise<void>((resolve) => (this.resolve = resolve))
}
