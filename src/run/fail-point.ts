import { writeSync } from 'node:fs'
import { OptionError } from '../errors.ts'

/** Places at which the crash tests kill the process, in the order in which a run comes by. */
export const failPoints = [
  'run: started',
  'resume: checkpoint read',
  'source: listing',
  'watch: noted',
  'source: after a batch',
  'source: at a barrier',
  'operator: at a barrier',
  'fan-out: spilling',
  'table: spilling',
  'table: drained',
  'table: before a pass',
  'table: after a pass',
  'index: saving',
  'model: saving',
  'sink: before write',
  'sink: after write',
  'sink: before stage',
  'sink: after stage',
  'sink: before finish',
  'file: assembled',
  'upload: before create',
  'upload: after create',
  'upload: after a part',
  'rejects: after append',
  'state: after write',
  'manifest: before write',
  'manifest: amid write',
  'manifest: before rename',
  'manifest: after rename',
  'mirror: before commit',
  'mirror: after commit',
  'checkpoint: removing old ones',
  'publish: before the first',
  'file: before rename',
  'file: after rename',
  'upload: before complete',
  'upload: after complete',
  'folder: amid rename',
  'publish: after the last',
] as const

/** Name of a place at which the process can be made to die. */
export type FailPoint = (typeof failPoints)[number]

/** Variable of the environment that says where the process dies: `name:n`, at the n-th time it comes by. */
export const failPointVariable = 'MILLRACE_FAIL_POINT'

const armed = armedPoint(process.env[failPointVariable])
let left = armed?.times ?? 0

/**
 * Does nothing, unless `MILLRACE_FAIL_POINT` is `name:n` (or `*:n`, for any name): the n-th time that
 * this thread comes by, the process kills itself with SIGKILL, after it has named the place on stderr.
 */
export function failPoint(name: FailPoint): void {
  if (!armed || (armed.name !== '*' && armed.name !== name) || --left !== 0) return
  writeSync(2, `killed at ${name}\n`)
  process.kill(process.pid, 'SIGKILL')
}

function armedPoint(setting: string | undefined): { name: string; times: number } | undefined {
  if (setting === undefined || setting === '') return undefined
  const end = setting.lastIndexOf(':')
  const name = setting.slice(0, end)
  const times = Number(setting.slice(end + 1))
  const known = name === '*' || failPoints.some((point) => point === name)
  if (known && Number.isInteger(times) && times > 0) return { name, times }
  throw new OptionError(
    `Expected \`${failPointVariable}\` to be \`*:n\` or a fail point with the time it kills at, for instance \`manifest: before rename:1\`, got \`${setting}\``,
  )
}
