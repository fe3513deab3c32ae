import { Readable } from 'node:stream'
import type { Schema } from 'apache-arrow'
import { Observable, Subscriber, type TeardownLogic } from 'rxjs'
import type { Context } from './context.ts'
import { Control } from './control.ts'
import { received } from './mailbox.ts'
import type { MemoryRange } from './memory.ts'
import { joined, pump, staged } from './push.ts'
import { untilAborted } from './until-aborted.ts'

/** Starts one run. Values and control messages are made as they are asked for, until the signal aborts. */
export type Pull<T> = (context: Context) => AsyncIterable<T | Control>

/** What is known of a flow before it runs; `check` and `explain` read it. */
export interface FlowInfo {
  /** Name of the operator or connector. */
  readonly name: string
  /** What the flow reads from. */
  readonly inputs?: readonly Flow<unknown>[]
  /**
   * The schema of its batches, from those of its inputs; one that takes no parameter does not
   * depend on them. May read metadata, never data.
   */
  readonly schema?: (inputs: readonly Schema[]) => Schema | Promise<Schema>
  /**
   * Whether it ends by itself.
   *
   * @default true if every input does
   */
  readonly bounded?: boolean
  /** How many rows it is going to give, for a source that can tell without reading them. */
  readonly count?: (signal: AbortSignal) => Promise<number>
  /** What a plan shows: a source, an operator, a sink, or a foreign RxJS operator, whose rows cannot be seen. */
  readonly role: 'source' | 'operator' | 'sink' | 'foreign'
  /**
   * Most bytes held in its queues and state, as far as it is known before the run: a number, or a range
   * where it keeps to the window that the run gives it (`memoryOf` in `memory.ts`).
   */
  readonly memoryBytes?: number | MemoryRange
  /** What it holds beyond that, in words: state that grows with the rows, models. */
  readonly holds?: string
  /** Heavy columns that it reads, or, of a sink, writes. */
  readonly reads?: readonly string[]
  /**
   * The heavy columns that it wants of its inputs besides, from those that are wanted of it.
   *
   * @default the same
   */
  readonly wants?: (columns: ReadonlySet<string>) => ReadonlySet<string>
  /** Called in place of a reading that will not come: see `release` in `slot.ts`. By default its inputs are told. */
  readonly release?: (context: Context) => void
  /** Of a part that reads its inputs once, however often it is read: what stands for it, and for those that share the reading (the branches of a fan). */
  readonly shared?: object
  /** Delivery, of a sink. */
  readonly guarantee?: Guarantee
  /** What a sink writes that nothing else may write at the same time: the whole path of a file or folder. */
  readonly target?: string
  /** Folder that a fitted model is saved as at the end; all of it is replaced. */
  readonly saves?: string | undefined
  /**
   * Whether a sink can add to what is there, for rows that are done again.
   *
   * @default false
   */
  readonly adds?: boolean
  /**
   * Whether what it says of a row depends on the others of the run: it learns, or looks for neighbours among them.
   *
   * @default false
   */
  readonly learns?: boolean
  /**
   * Whether it makes several rows of one, so that a row that comes out is none that came in.
   *
   * @default false
   */
  readonly expands?: boolean
  /**
   * Whether a run can go on from a checkpoint with it: a source that does not know its position cannot.
   *
   * @default true
   */
  readonly resumable?: boolean
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
    push: (out: Subscriber<T>) => TeardownLogic = (out) => pump(pull, out),
  ) {
    super((out) => joined(out, push))
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
    if (this.info.schema.length === 0) return this.info.schema([])
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
        await pulled.return()
        return { done: true, value: undefined }
      },
    }
  }

  /** RxJS 7 builds every operator on `lift`; overriding it makes each result a flow. */
  override lift<R>(operator: NonNullable<Parameters<Observable<T>['lift']>[0]>): Flow<R> {
    // RxJS also calls it on a ConnectableObservable, whose operator needs the thing itself.
    const inputs = [this].filter((source) => source instanceof Flow)
    const lifted = new Observable<R>((out) =>
      (operator as unknown as Operator<T, R>).call(out, inputs.length > 0 ? staged(this) : this),
    )
    return new Flow(
      (context) => received(lifted, context),
      { name: 'rxjs', role: 'foreign', inputs },
      (out) => lifted.subscribe(out),
    )
  }
}

/**
 * Returns `source` itself if it is a flow; else a flow over it. A Node Readable or another
 * (async) iterable is read at the reader's pace; one that can be read only once (a Readable, a
 * generator) serves one subscription, and is destroyed when that ends. A plain Observable cannot
 * be slowed: it may be `limit` values ahead, and then the flow fails.
 *
 * @throws {OverrunError} on the stream, if a plain Observable runs further ahead
 */
export function flowOf<T>(
  source: Observable<T> | AsyncIterable<T> | Iterable<T>,
  limit = 64,
): Flow<T> {
  if (source instanceof Flow) return source as Flow<T>
  if (source instanceof Observable)
    return new Flow((context) => received(source, context, limit), {
      name: 'observable',
      role: 'source',
      resumable: false,
    })
  return new Flow(({ signal }) => iterate(source, signal), {
    name: 'iterable',
    role: 'source',
    resumable: false,
  })
}

async function* iterate<T>(
  source: AsyncIterable<T> | Iterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  if (typeof source === 'string' || Symbol.iterator in source) {
    yield* source
    return
  }
  function stop(): void {
    if (source instanceof Readable) source.destroy()
  }
  signal.addEventListener('abort', stop)
  try {
    yield* untilAborted(source, signal)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
