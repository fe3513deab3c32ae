import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collector: (() => void) | undefined

/**
 * Frees the buffers of this thread that nothing refers to any more. V8 would wait for tens of megabytes of
 * them, in each thread; the heap of a thread that works on pictures is small, and this takes milliseconds.
 */
export function collect(): void {
  if (!collector) {
    // Only contexts made from here on have `gc`: this one.
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
}
