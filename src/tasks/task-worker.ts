import { serve, Transfer } from '../worker.ts'
import { collect } from './collect.ts'
import { PixelRoom } from './pixel-room.ts'
import {
  buffersOf,
  RowError,
  type TakeRoom,
  type Task,
  type TaskRow,
  type TaskValue,
} from './task.ts'

/** The tasks of a chain, and the columns to send back. */
export interface TaskSetup {
  /** In the order in which a row takes them. */
  readonly tasks: readonly TaskSpec[]
  /** Columns that are wanted after the chain. */
  readonly returns: readonly string[]
  /** The room for pictures, which all threads of the pool share. */
  readonly room: { readonly bytes: number; readonly shared: SharedArrayBuffer }
}

/** One task: a module and its options. */
export interface TaskSpec {
  /** Name of a module in this folder, or the URL of one elsewhere. */
  readonly module: string
  /** Passed to the module's `start`. */
  readonly options: Readonly<Record<string, unknown>>
}

/** A row that came through, or the place and the reason where it did not. */
export type Outcome =
  | { readonly row: TaskRow }
  | { readonly failedAt: number; readonly code: string; readonly message: string }

const open: Task[] = []
let returns: readonly string[] = []
let room = new PixelRoom(0)
/** Bytes of pictures that are done, at which they are collected. */
let collectBytes = 0
let doneBytes = 0

const methods = {
  /** Called once, before the first row. */
  async start(setup: TaskSetup): Promise<void> {
    returns = setup.returns
    room = new PixelRoom(setup.room.bytes, setup.room.shared)
    collectBytes = setup.room.bytes / 8
    for (const { module, options } of setup.tasks) {
      const { start } = (await import(moduleUrl(module))) as {
        start: (options: unknown) => Task | Promise<Task>
      }
      open.push(await start(options))
    }
  },

  /** Takes one row through all tasks. */
  async run(input: TaskRow): Promise<Transfer<Outcome>> {
    let taken = 0
    let bytes = 0
    try {
      return await through(input, async (wanted) => {
        taken += await room.take(wanted)
        bytes += wanted
      })
    } finally {
      if (taken > 0) {
        await free(bytes)
        room.give(taken)
      }
    }
  },
}

async function through(input: TaskRow, takeRoom: TakeRoom): Promise<Transfer<Outcome>> {
  let row = input
  for (const [at, task] of open.entries()) {
    try {
      row = { ...row, ...(await task.run(row, takeRoom)) }
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      return new Transfer({ failedAt: at, code: error.code, message: error.message }, [])
    }
  }
  const back = Object.fromEntries(returns.map((name) => [name, ownBuffer(row[name] ?? null)]))
  return new Transfer({ row: back }, buffersOf(back))
}

/** Pictures that are done still take their room until they are collected, which is done when they have become many. */
async function free(bytes: number): Promise<void> {
  doneBytes += bytes
  if (doneBytes < collectBytes) return
  doneBytes = 0
  // A row is referred to by the function that worked on it until that has returned.
  await new Promise(setImmediate)
  collect()
  // Buffers of native code go in the turn after.
  await new Promise(setImmediate)
}

/** What the thread answers. */
export type TaskMethods = typeof methods

serve(methods, async () => {
  for (const task of open) await task.close?.()
})

function moduleUrl(module: string): string {
  return /^\w+:/.test(module) ? module : new URL(`./${module}.js`, import.meta.url).href
}

/** A view of a part of a buffer would take the whole of it along. */
function ownBuffer(value: TaskValue): TaskValue {
  if (value === null || typeof value !== 'object') return value
  if ('width' in value) return { ...value, data: ownBuffer(value.data) } as TaskValue
  return value.byteLength === value.buffer.byteLength ? value : value.slice()
}
