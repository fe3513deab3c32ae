import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FailPoint } from '../../src/run/fail-point.ts'

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** How a process ends before its time: at a fail point, or by a signal some time after its start. */
export type Kill =
  | { readonly point: FailPoint | '*'; readonly times: number }
  | { readonly signal: 'SIGKILL' | 'SIGTERM'; readonly afterMs: number }

/** How a process ended. */
export interface Ended {
  /** Whether SIGKILL ended it. */
  readonly killed: boolean
  /** The fail point at which that was. */
  readonly killedAt: string | undefined
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command under test. */
export interface Command {
  /** Without the options of the checkpoint. */
  readonly args: readonly string[]
  /** Where it runs. */
  readonly cwd: string
  /**
   * Where its checkpoints are kept.
   *
   * @default a folder there
   */
  readonly checkpoint?: string
  /** More of the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A program with arguments that starts it. */
  readonly under?: readonly string[]
  /** Called with the process. */
  readonly onStart?: (child: ChildProcess) => void
}

/** Longer than any run here takes on a busy machine. */
const hangsMs = 300_000

/** Name of the checkpoint's folder. */
export const checkpointName = 'checkpoint'

/**
 * Runs the command under a checkpoint: a process is ended by each of `kills`, and the next resumes; the
 * last runs to the end. A kill that comes too late ends the run early. `onKilled` looks at what is there.
 */
export async function killedRun(
  command: Command,
  kills: readonly Kill[],
  onKilled: (ended: Ended) => unknown = () => undefined,
): Promise<readonly Ended[]> {
  const processes: Ended[] = []
  for (const kill of [...kills, undefined]) {
    const ended = await checkpointed(command, { kill, resume: processes.length > 0 })
    processes.push(ended)
    const stopped = ended.killed || (kill && 'signal' in kill && kill.signal === 'SIGTERM')
    if (!stopped) return processes
    await onKilled(ended)
  }
  return processes
}

/** One process of a run under a checkpoint. */
export function checkpointed(
  command: Command,
  { kill, resume }: { readonly kill?: Kill | undefined; readonly resume: boolean },
): Promise<Ended> {
  const checkpoint = ['--checkpoint', command.checkpoint ?? checkpointName, '--every', '0.02s']
  const args = [...command.args, ...checkpoint, ...(resume ? ['--resume'] : [])]
  return start({ ...command, args }, kill)
}

/** Runs the built command. */
export function start(
  { args, cwd, env, under = [], onStart }: Command,
  kill?: Kill,
): Promise<Ended> {
  const point = kill && 'point' in kill ? `${kill.point}:${String(kill.times)}` : ''
  const [program = '', ...rest] = [...under, process.execPath, main, ...args]
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, DEBUG: '', MILLRACE_FAIL_POINT: point, ...env },
  })
  onStart?.(child)
  const { signal, afterMs } =
    kill && 'signal' in kill ? kill : { signal: undefined, afterMs: undefined }
  const timer = setTimeout(() => signal && child.kill(signal), afterMs ?? hangsMs)
  const hanging = setTimeout(() => child.kill('SIGABRT'), hangsMs)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, by) => {
      clearTimeout(timer)
      clearTimeout(hanging)
      const killedAt = /^killed at (.*)$/m.exec(stderr)?.[1]
      if (by === 'SIGABRT') stderr += `it did not end within ${String(hangsMs / 1_000)} s\n`
      resolve({ killed: by === 'SIGKILL', killedAt, code, stdout, stderr })
    })
  })
}
