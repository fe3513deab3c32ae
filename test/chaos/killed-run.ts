import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FailPoint } from '../../src/run/fail-point.ts'

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** How a process ends before its time: at a fail point, or some time after its start. */
export type Kill =
  { readonly point: FailPoint | '*'; readonly times: number } | { readonly afterMs: number }

/** How a process ended. */
export interface Ended {
  /** Whether it was killed, and by the fail point where. */
  readonly killed: boolean
  readonly killedAt: string | undefined
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command under test. */
export interface Command {
  /** Without the options of the checkpoint. */
  readonly args: readonly string[]
  /** Folder of its own, for the checkpoint. */
  readonly folder: string
}

/** Longer than any run here takes on a busy machine. */
const hangsMs = 120_000

/** Runs the built command without a checkpoint. */
export function uninterrupted(args: readonly string[]): Promise<Ended> {
  return start(args, undefined)
}

/**
 * Runs the command under a checkpoint: a process dies at each of `kills`, and the next resumes; the
 * last runs to the end. A kill that comes too late ends the run early. `onKilled` looks at what is there.
 */
export async function killedRun(
  command: Command,
  kills: readonly Kill[],
  onKilled: (ended: Ended) => unknown = () => undefined,
): Promise<readonly Ended[]> {
  const processes: Ended[] = []
  for (const kill of [...kills, undefined]) {
    const ended = await checkpointed(command, kill, processes.length > 0)
    processes.push(ended)
    if (!ended.killed) return processes
    await onKilled(ended)
  }
  return processes
}

/** One process of a run under a checkpoint. */
export function checkpointed(
  { args, folder }: Command,
  kill: Kill | undefined,
  resume: boolean,
): Promise<Ended> {
  const checkpoint = ['--checkpoint', join(folder, 'checkpoint'), '--every', '0.02s']
  return start([...args, ...checkpoint, ...(resume ? ['--resume'] : [])], kill)
}

function start(args: readonly string[], kill: Kill | undefined): Promise<Ended> {
  const point = kill && 'point' in kill ? `${kill.point}:${String(kill.times)}` : ''
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, DEBUG: '', MILLRACE_FAIL_POINT: point },
  })
  const afterMs = kill && 'afterMs' in kill ? kill.afterMs : hangsMs
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const killedAt = /^killed at (.*)$/m.exec(stderr)?.[1]
      const killed = signal === 'SIGKILL'
      if (killed && afterMs === hangsMs && killedAt === undefined)
        reject(new Error(`Expected ${args.join(' ')} to end, got none:\n${stderr}`))
      else resolve({ killed, killedAt, code, stdout, stderr })
    })
  })
}
