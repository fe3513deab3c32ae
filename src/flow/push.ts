import { Observable, Subscriber, type TeardownLogic } from 'rxjs'
import type { Context } from './context.ts'
import { Control } from './control.ts'
import { Deferred } from './deferred.ts'
import { untilAborted } from './until-aborted.ts'

/** Starts one run; see `Pull` in flow.ts. */
type Pull<T> = (context: Context) => AsyncIterable<T | Control>

/** Who reads what is being pushed: a subscription inherits it across RxJS operators. */
export interface Reader {
  /** What the reader handed upstream. */
  readonly context: Context
  /** Takes a control message past the operators in between; settles when it is taken. */
  readonly pass: (control: Control) => Promise<void>
}

/** What code that RxJS calls is part of; set while a value is handed on, or a subscription made. */
export interface Scope {
  /** Undefined below a plain subscriber. */
  readonly reader?: Reader | undefined
  /** What has to happen before the next value is pulled, collected while one is handed on. */
  readonly waits?: Set<Promise<void>> | undefined
  /** The operator that has the value. */
  stage?: Stage<unknown> | undefined
}

let current: Scope = {}

/** The scope of the code that is running. */
export function scope(): Scope {
  return current
}

/** Runs `act` in `inner`. */
export function within<R>(inner: Scope, act: () => R): R {
  const outer = current
  current = inner
  try {
    return act()
  } finally {
    current = outer
  }
}

/** Pushes what `pull` gives into `out`, each value when those before it have been taken. */
export function pump<T>(pull: Pull<T>, out: Subscriber<T>): TeardownLogic {
  const abort = new AbortController()
  const { signal } = abort
  const { reader, stage } = current
  const { run, lane } = reader?.context ?? {}
  const place = { ...(run && { run }), ...(lane !== undefined && { lane }) }
  const inner: Scope = { reader, stage, waits: new Set() }
  const values = untilAborted(pull({ ...place, signal }), signal)
  handOn(values, out, inner).then(
    () => {
      if (!signal.aborted)
        within(inner, () => {
          out.complete()
        })
    },
    (error: unknown) => {
      within(inner, () => {
        out.error(error)
      })
    },
  )
  return () => {
    abort.abort()
  }
}

async function handOn<T>(
  values: AsyncIterable<T | Control>,
  out: Subscriber<T>,
  inner: Scope,
): Promise<void> {
  for await (const value of values) {
    if (value instanceof Control) {
      await inner.reader?.pass(value)
      continue
    }
    inner.waits?.clear()
    const outer = current
    current = inner
    try {
      out.next(value)
    } finally {
      current = outer
    }
    for (const wait of inner.waits ?? []) await wait
  }
}

/**
 * `source` as an RxJS operator sees it: with the reader that this subscription has, also when the
 * operator subscribes later (`retry`, `repeat`), and with a {@link Stage} before the operator.
 */
export function staged<T>(source: Observable<T>): Observable<T> {
  const { reader } = current
  return new Observable((out) => {
    const { waits, stage } = current
    const below = new Stage(out)
    return within({ reader, waits, stage }, () => source.subscribe(below))
  })
}

/**
 * Stands before an RxJS operator. A value that the operator keeps to itself while a flow that it
 * subscribed to still runs waits for that flow (`concatMap(() => flow)` queues it), so its source
 * is held back until one of those flows has ended.
 */
export class Stage<T> extends Subscriber<T> {
  readonly #out: Subscriber<T>
  readonly #inner = new Set<Subscriber<unknown>>()
  #ended = new Deferred()
  #answered = false

  constructor(out: Subscriber<T>) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS 7 offers no other base for an operator's subscriber
    super(out)
    this.#out = out
  }

  protected override _next(value: T): void {
    const here = current
    const above = here.stage
    above?.answer()
    this.#answered = false
    here.stage = this
    try {
      this.#out.next(value)
    } finally {
      here.stage = above
    }
    if (this.#keeps()) here.waits?.add(this.#ended.promise)
  }

  #keeps(): boolean {
    return !this.#answered && this.#inner.size > 0
  }

  /** Notes that the operator did something with the value it has. */
  answer(): void {
    this.#answered = true
  }

  /** Subscribes `out` to a flow that the operator asks for, by `push`. */
  join<R>(out: Subscriber<R>, push: (out: Subscriber<R>) => TeardownLogic): TeardownLogic {
    this.#answered = true
    this.#inner.add(out)
    out.add(() => {
      this.#inner.delete(out)
      this.#ended.resolve()
      this.#ended = new Deferred()
    })
    return push(out)
  }
}

/** Subscribes `out` by `push`, as part of the operator that asks for it, if one does. */
export function joined<R>(
  out: Subscriber<R>,
  push: (out: Subscriber<R>) => TeardownLogic,
): TeardownLogic {
  return current.stage ? current.stage.join(out, push) : push(out)
}
