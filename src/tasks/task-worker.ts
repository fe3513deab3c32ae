import { serve, Transfer } from '../worker.ts'
import { buffersOf, RowError, type Task, type TaskRow, type TaskValue } from './task.ts'

/** The tasks of a chain, and the columns to send back. */
export interface TaskSetup {
  /** In the order in which a row takes them. */
  readonly tasks: readonly TaskSpec[]
  /** Columns that are wanted after the chain. */
  readonly returns: readonly string[]
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

const methods = {
  /** Called once, before the first row. */
  async start(setup: TaskSetup): Promise<void> {
    returns = setup.returns
    for (const { module, options } of setup.tasks) {
      const { start } = (await import(moduleUrl(module))) as {
        start: (options: unknown) => Task | Promise<Task>
      }
      open.push(await start(options))
    }
  },

  /** Takes one row through all tasks. */
  async run(input: TaskRow): Promise<Transfer<Outcome>> {
    let row = input
    for (const [at, task] of open.entries()) {
      try {
        row = { ...row, ...(await task.run(row)) }
      } catch (error) {
        if (!(error instanceof RowError)) throw error
        return new Transfer({ failedAt: at, code: error.code, message: error.message }, [])
      }
    }
    const back = Object.fromEntries(returns.map((name) => [name, ownBuffer(row[name] ?? null)]))
    return new Transfer({ row: back }, buffersOf(back))
  },
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
  if ('width' in value) return { ...value, data: ownBuffer(value.data) as Uint8Array }
  return value.byteLength === value.buffer.byteLength ? value : value.slice()
}
