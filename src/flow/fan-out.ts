import type { Observable } from 'rxjs'
import type { Context } from './context.ts'
import { Fan } from './fan.ts'
import { Flow, flowOf } from './flow.ts'
import { memoryOf } from './memory.ts'
import { nonEmptyString, positiveInteger, wholeNumber } from '../options.ts'

/** Options of {@link fanOut}. */
export interface FanOutOptions {
  /**
   * Most bytes held in memory for branches that lag. Batches count with their buffers, another
   * value as 1 KiB.
   *
   * @default 67_108_864, less if the run's memory asks for it
   */
  readonly memoryBytes?: number
  /**
   * Most bytes on disk for branches that lag further.
   *
   * @default 1_073_741_824
   */
  readonly spillBytes?: number
  /**
   * Folder for what is spilled.
   *
   * @default the folder of the run, or the system's temporary folder
   */
  readonly spillDir?: string
  /**
   * How long the fastest branch is held back when the memory is full, while no lagging branch takes
   * a value; after that it spills.
   *
   * @default 100
   */
  readonly patienceMs?: number
}

/** `N` times `T`. */
export type Repeated<T, N extends number, R extends readonly T[] = []> = number extends N
  ? readonly T[]
  : R['length'] extends N
    ? R
    : Repeated<T, N, [...R, T]>

/**
 * Splits a flow into `branches` flows that each have every value; the source is read once.
 *
 * - Start: when every branch has a reader. A branch that ends early no longer counts; when all have
 *   ended the source stops. Each branch has one reader at a time.
 * - Pace: that of the fastest branch while the memory bound allows. Then it waits for the slowest, as long
 *   as that takes values; if it does not, as when one branch waits for another, it spills to disk.
 * - Rejects go to the first branch that is read, and from one that ends early to the next; other control
 *   messages to all.
 * - Memory: `memoryBytes` and one batch; disk: `spillBytes` and one batch.
 *
 * @throws {OptionError} at the call, if an option is out of range
 * @throws {OverrunError} on every branch, if one lags beyond both bounds
 * @example
 * const [all, few] = fanOut(2)(flowOf([1, 2, 3]))
 */
export function fanOut<const N extends number>(
  branches: N,
  options: FanOutOptions = {},
): <T>(source: Observable<T>) => Repeated<Flow<T>, N> {
  positiveInteger('branches', branches)
  const memoryBytes =
    options.memoryBytes === undefined
      ? { least: 2 ** 20, most: 2 ** 26 }
      : positiveInteger('memoryBytes', options.memoryBytes)
  const spillBytes = wholeNumber('spillBytes', options.spillBytes ?? 2 ** 30)
  const patienceMs = wholeNumber('patienceMs', options.patienceMs ?? 100)
  const { spillDir } = options
  if (spillDir !== undefined) nonEmptyString('spillDir', spillDir)
  const settings = { branches, spillBytes, patienceMs, spillDir }

  return <T>(source: Observable<T>) => {
    const input = flowOf(source)
    let current: Fan<T> | undefined
    function fan(context: Context): Fan<T> {
      const [first] = flows as [Flow<T>]
      if (!current || current.over)
        current = new Fan(input, first, { ...settings, memoryBytes: memoryOf(first, context) })
      return current
    }
    const flows: readonly Flow<T>[] = Array.from({ length: branches }, (_, index) => {
      return new Flow<T>((context) => fan(context).read(index, context), {
        name: 'fanOut',
        role: 'operator',
        inputs: [input],
        shared: fan,
        // What all branches share is stated by the first.
        memoryBytes: index === 0 ? memoryBytes : 0,
        release: (context) => {
          fan(context).release(index, context)
        },
        schema: ([schema]) => schema as NonNullable<typeof schema>,
        settings: { branch: index + 1, branches, memoryBytes: options.memoryBytes, spillBytes },
      })
    })
    return flows as Repeated<Flow<T>, N>
  }
}
