import { fromParquet } from '../../connectors/from-parquet.ts'
import { column } from '../batch/batch.ts'
import { DataError } from '../errors.ts'
import { linkChoices } from '../pictures/file-roots.ts'
import { commandKey } from '../run/reject-log.ts'
import type { ReportOptions, ScoreOptions, SourceSpec } from './workflow.ts'

/** What `millrace run` was given, as far as it decides what comes out. */
export interface RunArguments {
  /** Path of the pipeline file. */
  readonly pipeline: string
  /** What the pipeline was given. */
  readonly args: readonly string[]
  /** Seed for whatever is random. */
  readonly seed: number
  /** Most bytes in the windows of all parts together. */
  readonly memory?: number
}

/** The command that made a file of rejects, to be called again. */
export type MadeBy =
  | { readonly command: 'run'; readonly options: RunArguments }
  | { readonly command: 'score'; readonly options: ScoreOptions }
  | { readonly command: 'report'; readonly options: Omit<ReportOptions, 'out'> }

/** A file of rejects. */
export interface RejectsFile {
  /** How often each row was tried, by id. */
  readonly attempts: ReadonlyMap<string, number>
  /** How many rows were not there when they were tried last. */
  readonly missing: number
  /** What made the file. */
  readonly madeBy: MadeBy
}

/**
 * Reads a file of rejects. Holds their ids.
 *
 * @throws {ConnectorError} if it cannot be read
 * @throws {DataError} if it is damaged, or does not say which command made it
 */
export async function readRejects(path: string): Promise<RejectsFile> {
  const rows = fromParquet(path)
  const madeBy = parsed((await rows.schema())?.metadata.get(commandKey))
  if (!madeBy)
    throw new DataError(
      `Expected ${path} to say which command made it, as the rejects of run, score and report do, got a file that does not`,
      { url: path },
    )
  const attempts = new Map<string, number>()
  let missing = 0
  for await (const batch of rows) {
    const [ids, codes, tried] = ['id', 'code', 'attempt'].map((name) => column(batch, name))
    for (let row = 0; row < batch.numRows; row++) {
      attempts.set(String(ids?.get(row)), Number(tried?.get(row)))
      if (codes?.get(row) === 'MISSING') missing++
    }
  }
  return { attempts, missing, madeBy }
}

/** The command as it is kept with its rejects: what was typed and decides what comes out, nothing else. */
export function madeByText({ command, options }: MadeBy): string {
  const names: readonly string[] = [...required[command], ...optional[command]]
  const kept = Object.entries(options).filter(([name]) => names.includes(name))
  return JSON.stringify({ command, options: Object.fromEntries(kept) })
}

/** What the types of options say, of a file that anybody may have written. */
const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  pipeline: isText,
  args: (value) => Array.isArray(value) && value.every(isText),
  seed: Number.isSafeInteger,
  sources: (value) => Array.isArray(value) && value.length > 0 && value.every(isSource),
  labels: isText,
  links: (value) => linkChoices.some((known) => known === value),
  model: isText,
  limit: Number.isSafeInteger,
  memory: Number.isSafeInteger,
  models: isText,
  out: isText,
  parts: (value) => typeof value === 'object' && value !== null,
}

/** A report is where its rejects are, so `out` is not kept. */
const required = {
  run: ['pipeline', 'args', 'seed'],
  score: ['sources', 'models', 'out', 'seed'],
  report: ['sources', 'seed'],
} as const

const optional = {
  run: ['memory'],
  score: ['labels', 'links', 'model', 'limit', 'memory', 'parts'],
  report: ['labels', 'links', 'model', 'limit', 'memory', 'parts'],
} as const

function parsed(text: string | undefined): MadeBy | undefined {
  if (text === undefined) return undefined
  let made: unknown
  try {
    made = JSON.parse(text)
  } catch {
    return undefined
  }
  const { command, options } = made as { command: MadeBy['command']; options: unknown }
  if (typeof options !== 'object' || options === null || !(command in required)) return undefined
  const given = Object.entries(options)
  const whole = required[command].every((name) => name in options)
  return whole && given.every(([name, value]) => shapes[name]?.(value))
    ? (made as MadeBy)
    : undefined
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isSource(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { path, split = '' } = value as Partial<SourceSpec>
  return isText(path) && isText(split)
}
