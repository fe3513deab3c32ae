import type { Saved } from './saved.ts'

/**
 * A message that travels with the rows in the pull protocol and that RxJS does
 * not see. Operators pass on what they do not know.
 */
export abstract class Control {
  abstract readonly type: 'barrier' | 'rejects' | 'watermark'
}

/** A row that could not be processed. */
export interface Reject {
  /** The item's id. */
  readonly id: string
  /** Name of the operator that refused it. */
  readonly operator: string
  /** Stable code of the error. */
  readonly code: string
  /** What was expected, what was there. */
  readonly message: string
  /** How often it was tried, from 1. */
  readonly attempt: number
}

/** Rows that leave the stream here, each with its reason. */
export class Rejects extends Control {
  readonly type = 'rejects'
  readonly rows: readonly Reject[]
  constructor(rows: readonly Reject[]) {
    super()
    this.rows = rows
  }
}

/** Promises that no item older than `timeMs` follows. */
export class Watermark extends Control {
  readonly type = 'watermark'
  /** Milliseconds since 1970. */
  readonly timeMs: number
  constructor(timeMs: number) {
    super()
    this.timeMs = timeMs
  }
}

/**
 * Cuts the stream for a checkpoint: all rows before it are in, none after.
 * It gathers the state of everything it passes; when it has passed all sinks
 * the run commits, and only then calls what was left with {@link Barrier.onCommit}.
 * A barrier that meets a fan-out goes down every branch; a fan-in waits for it on every input.
 */
export class Barrier extends Control {
  readonly type = 'barrier'
  /** Number of the checkpoint, from 1. */
  readonly checkpoint: number
  /** Whether sources stop behind it: the run ends when it is committed. */
  readonly last: boolean
  /** By the key of the slot. */
  readonly states = new Map<string, Saved>()
  readonly #afterCommit: (() => void | Promise<void>)[] = []

  constructor(checkpoint: number, { last = false }: { readonly last?: boolean } = {}) {
    super()
    this.checkpoint = checkpoint
    this.last = last
  }

  /** Leaves what has to be done once the manifest is in place; must be idempotent. */
  onCommit(finish: () => void | Promise<void>): void {
    this.#afterCommit.push(finish)
  }

  /** Called by the run, after the manifest is in place. */
  async committed(): Promise<void> {
    for (const finish of this.#afterCommit) await finish()
  }
}

/** Goes on at once, except behind the last barrier of a run, which nothing may follow. */
export function untilTold({ last }: Barrier, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!last || signal.aborted) resolve()
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
  })
}
