import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { byteCount, didYouMean, kindOf } from '../options.ts'
import { setStorageDefaults } from '../storage/storage-options.ts'
import type { CheckpointOptions } from '../run/checkpointer.ts'
import { guarantees } from '../run/guarantee.ts'
import { UsageError } from './usage-error.ts'

/** A whole number given as an option. */
export function wholeNumberOf(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw new InvalidArgumentError('Expected a whole number.')
}

/** A positive integer given as an option. */
export function positiveIntegerOf(text: string): number {
  const value = wholeNumberOf(text)
  if (value >= 1) return value
  throw new InvalidArgumentError('Expected a positive integer.')
}

/** A ratio from 0 to 1 given as an option. */
export function ratioOf(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('Expected a number from 0 to 1.')
}

/** Milliseconds of each unit of a time. */
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** A timer of Node takes at most so many milliseconds. */
export const longestMs = 2 ** 31 - 1

/** A time given as an option, in milliseconds: `500ms`, `30s`, `5m`, `2h`. */
export function timeOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h)$/.exec(text) ?? []
  const ms = Math.round(Number(digits) * (unitMs[unit] ?? NaN))
  if (ms >= 1 && ms <= longestMs) return ms
  throw new InvalidArgumentError('Expected a time such as 500ms, 30s, 5m or 2h, at most 596h.')
}

/** A time given as an option, in milliseconds; 0 for `off` or `0`. */
export function timeOrOffOf(text: string): number {
  return text === 'off' || text === '0' ? 0 : timeOf(text)
}

/** A size in bytes given as an option. */
function byteCountOf(text: string): number {
  try {
    return byteCount('memory', text)
  } catch {
    throw new InvalidArgumentError('Expected a size such as 512MB or 2GiB.')
  }
}

/** `--memory`. */
export function memoryOption(): Option {
  const what = 'most memory in the windows of all parts, e.g. 512MB'
  return new Option('--memory <size>', what).argParser(byteCountOf)
}

/** `--rejects` */
export function rejectsOption(): Option {
  return new Option('--rejects <file>', 'Parquet file to write the rejects to')
}

/** Adds the options of every command that runs something; without `checkpoints` those of one that cannot be resumed. */
export function addRunOptions(command: Command, { checkpoints = true } = {}): Command {
  command
    .option('--seed <n>', 'seed for whatever is random', wholeNumberOf, 0)
    .option('--threads <n>', 'worker threads (default: the number of cores)', positiveIntegerOf)
    .addOption(memoryOption())
  if (checkpoints) addCheckpointOptions(command)
  return addStorageOptions(command).addOption(jsonOption()).option('--quiet', 'show no progress')
}

/** Adds how buckets and URLs are reached, for all sources and sinks. */
export function addStorageOptions(command: Command): Command {
  return command
    .option('--endpoint <url>', 'address of an S3 server (default: AWS_ENDPOINT_URL_S3, or AWS)')
    .option('--region <name>', 'region of the buckets (default: AWS_REGION, or the profile)')
    .option('--anonymous', 'read public buckets without credentials')
    .option(
      '--request-timeout <time>',
      'longest time without an answer before a request is tried again (default: 30s)',
      timeOf,
    )
    .hook('preAction', () => {
      const { requestTimeout: requestTimeoutMs, ...given } = command.opts<StorageFlags>()
      const { endpoint, region, anonymous } = given
      setStorageDefaults({
        ...(endpoint !== undefined && { endpoint }),
        ...(region !== undefined && { region }),
        ...(anonymous && { anonymous }),
        ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
      })
    })
}

interface StorageFlags {
  readonly endpoint?: string
  readonly region?: string
  readonly anonymous?: true
  readonly requestTimeout?: number
}

/** What a command is given about checkpoints. */
export interface CheckpointFlags {
  /** `--checkpoint`. */
  readonly checkpoint?: string
  /** `--every`, in milliseconds. */
  readonly every?: number
  /** `--resume`. */
  readonly resume?: boolean
}

const stallHelp = 'say what holds it up when no row moves for so long, or off (default: 60s)'

function addCheckpointOptions(command: Command): Command {
  return command
    .option(
      '--checkpoint <dir>',
      'folder or s3:// prefix for checkpoints, from which the run can be resumed',
    )
    .option('--every <time>', 'time between checkpoints, e.g. 500ms, 5m (default: 30s)', timeOf)
    .option('--resume', 'go on from the newest checkpoint')
    .option('--timeout <time>', 'longest time that it may take, e.g. 2h', timeOf)
    .option('--stall <time>', stallHelp, timeOrOffOf)
}

/**
 * How the run keeps checkpoints; undefined if it keeps none.
 *
 * @throws {UsageError} if `--every` or `--resume` is given without a folder
 */
export function checkpointOf({
  checkpoint: folder,
  every,
  resume,
}: CheckpointFlags): CheckpointOptions | undefined {
  if (folder === '') throw new UsageError('Expected --checkpoint to be given a folder')
  if (folder !== undefined)
    return { folder, ...(every !== undefined && { everyMs: every }), ...(resume && { resume }) }
  const without = every === undefined ? resume && '--resume' : '--every'
  if (!without) return undefined
  throw new UsageError(`Expected ${without} to come with --checkpoint DIR`)
}

/** `--require`. */
export function requireOption(): Option {
  return new Option('--require <promise>', 'what every sink must promise').choices([...guarantees])
}

/** Adds what `check` and `explain` take besides the pipeline. */
export function addCheckOptions(command: Command): Command {
  return command
    .addOption(requireOption())
    .option('--checkpoint', 'check that it can be run with checkpoints')
    .addOption(jsonOption())
}

/** `--json`. */
export function jsonOption(): Option {
  return new Option('--json', 'print the result as JSON to stdout')
}

/**
 * Sets the options that `file` gives and the command line does not. The file is an object, as JSON or as the default
 * export of a TypeScript file, whose keys are the names of the command's long options, or among `settings`.
 *
 * @returns what it says of `settings`, unchecked
 */
export async function applyConfig(
  command: Command,
  file: string,
  settings: readonly string[] = [],
): Promise<Record<string, unknown>> {
  const said: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(await readConfig(file))) {
    const option = command.options.find((o) => o.long === `--${key}`)
    if (settings.includes(key)) said[key] = value
    else if (!option || key === 'config') {
      const names = [...command.options.flatMap((o) => o.long?.slice(2) ?? []), ...settings]
      throw new UsageError(
        `Expected \`${file}\` to hold options of ${command.name()}, got \`${key}\`${didYouMean(key, names)}`,
      )
    } else {
      const name = option.attributeName()
      const fitting = optionValue(option, value, file)
      if (command.getOptionValueSource(name) !== 'cli')
        command.setOptionValueWithSource(name, fitting, 'config')
    }
  }
  return said
}

function optionValue(option: Option, value: unknown, file: string): unknown {
  const flag = !option.required && !option.optional
  const fits = flag ? typeof value === 'boolean' : ['string', 'number'].includes(typeof value)
  if (!fits)
    throw new UsageError(
      `Expected \`${option.name()}\` in \`${file}\` to be ${flag ? 'true or false' : 'a text or a number'}, got ${JSON.stringify(value)}`,
    )
  if (flag || !option.parseArg) return flag ? value : String(value)
  try {
    return option.parseArg<unknown>(String(value), undefined)
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause
    throw new UsageError(
      `Expected \`${option.name()}\` in \`${file}\` to fit: ${cause.message} Got ${JSON.stringify(value)}`,
      { cause },
    )
  }
}

async function readConfig(file: string): Promise<Record<string, unknown>> {
  const code = /\.[cm]?[jt]s$/.test(file)
  const value = await (code ? defaultExport(file) : jsonIn(file))
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  const what = code ? 'export an object of options by default' : 'be a JSON object of options'
  throw new UsageError(`Expected \`${file}\` to ${what}, got ${kindOf(value)}`)
}

/** Code runs only where the caller names it. */
async function defaultExport(file: string): Promise<unknown> {
  const path = resolve(file)
  if (!existsSync(path)) throw new UsageError(`Expected a config file, got nothing at \`${file}\``)
  const { importModule } = await import('./import-module.ts')
  return (await importModule(path))['default']
}

async function jsonIn(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`Expected \`${file}\` to be a JSON file, got ${reason}`, { cause })
  }
}
