import { setMaxListeners } from 'node:events'

/**
 * A signal that aborts with its parent, or before it. Whoever reads ahead hands one upstream, and
 * aborts it when it stops, so that a read which is under way ends too.
 *
 * `AbortSignal.any` would keep a reference in the parent for as long as that lives.
 */
export class ChildSignal {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal
  readonly #abort = (): void => {
    this.abort()
  }

  constructor(parent: AbortSignal) {
    this.#parent = parent
    // As many listen as there are reads under way, and each lets go: Node would warn of a leak from 11 on.
    setMaxListeners(0, parent)
    if (parent.aborted) this.abort()
    else parent.addEventListener('abort', this.#abort)
  }

  /** What goes upstream. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Aborts the child alone, and lets go of the parent. */
  abort(): void {
    this.#parent.removeEventListener('abort', this.#abort)
    this.#controller.abort(this.#parent.reason)
  }
}
