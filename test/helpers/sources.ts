import { Flow } from '../../src/flow/flow.ts'

/** A flow of 0 to n − 1 that counts what happens to it. */
export interface Counter {
  readonly flow: Flow<number>
  /** Values made, over all runs. */
  readonly made: () => number
  /** Runs that have started. */
  readonly runs: () => number
  /** Runs that have started and not ended. */
  readonly open: () => number
}

/** Counts up; fails once, before the value `failAt`. */
export function counter(n: number, failAt = Infinity): Counter {
  let made = 0
  let runs = 0
  let open = 0
  const flow = new Flow(async function* ({ signal }) {
    runs++
    open++
    try {
      for (let i = 0; i < n && !signal.aborted; i++) {
        if (made === failAt) {
          failAt = Infinity
          throw new Error('source')
        }
        made++
        yield await Promise.resolve(i)
      }
    } finally {
      open--
    }
  })
  return { flow, made: () => made, runs: () => runs, open: () => open }
}

/** Has one value, and then waits until it is ended. */
export function idle(): Flow<number> {
  return new Flow(async function* ({ signal }) {
    yield 1
    await aborted(signal)
  })
}

/** Waits until `signal` aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true })
  })
}

/** Lets what is settled go on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** Every value of `flow`. */
export async function collect<T>(flow: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of flow) values.push(value)
  return values
}
