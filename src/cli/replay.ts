import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, normalize } from 'node:path'
import type { Command } from 'commander'
import { check } from '../run/check.ts'
import { run, type RunOptions } from '../run/run.ts'
import type { MadeBy, RejectsFile, RunArguments } from '../workflows/rejects.ts'
import type { FolderOptions, ScoreOptions, WorkflowContext } from '../workflows/workflow.ts'
import { refuseProblems } from './check.ts'
import { jsonOption, longestMs, positiveIntegerOf } from './options.ts'
import { note, plural, print, printJson } from './output.ts'
import { progressView } from './progress.ts'
import { underSignals } from './signals.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  readonly pipeline?: string
  readonly threads?: number
  readonly json?: true
  readonly quiet?: true
}

/** Sets up `millrace replay`. */
export function configure(command: Command): void {
  command
    .argument('<rejects>', 'Parquet file of rejects, as run, score and report write it')
    .option('--pipeline <file>', 'pipeline to run (default: the one that the file names)')
    .option('--threads <n>', 'worker threads (default: the number of cores)', positiveIntegerOf)
    .addOption(jsonOption())
    .option('--quiet', 'show no progress')
    .action(replay)
}

/** A replay: the file it goes on from, and how its command is called again. */
interface Replay {
  readonly path: string
  readonly file: RejectsFile
  readonly options: Options
}

async function replay(path: string, options: Options): Promise<void> {
  const { readRejects } = await import('../workflows/rejects.ts')
  const replaying: Replay = { path, file: await readRejects(path), options }
  const { attempts, madeBy } = replaying.file
  const folder = join(dirname(path), `.${basename(path)}.replay`)
  if (attempts.size === 0 && !existsSync(folder)) {
    note(`${path}: no rejects, nothing to do`)
    if (options.json) printJson({ replayed: 0, good: 0, rejected: 0, missing: 0 })
    return
  }
  note(`replaying ${plural(attempts.size, 'reject')} of: ${commandLine(madeBy)}`)
  const good = await underSignals({ bounded: true, checkpoints: false }, ({ signal }) =>
    again(replaying, { folder, signal }),
  )
  if (good === undefined) return
  const { attempts: left, missing } = await readRejects(path)
  await rm(folder, { recursive: true, force: true })
  const summary = { replayed: good + left.size, good, rejected: left.size, missing }
  if (options.json) printJson(summary)
  else print(summaryText(summary))
}

/** Calls the command again; returns how many rows are good now, or nothing if it has said all itself. */
async function again(
  { path, file, options }: Replay,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const { attempts, madeBy } = file
  const { threads } = options
  const view = progressView(process.stderr, { quiet: options.quiet === true })
  const { signal: drain } = new AbortController()
  const context: WorkflowContext = { signal, drain, onProgress: view.update, note: view.note }
  // The only checkpoint is that at the end: it makes one step of the two files that are renamed.
  const checkpoint = { folder, everyMs: longestMs, resume: existsSync(folder) }
  const shared = { ...(threads !== undefined && { threads }), only: attempts, checkpoint }
  try {
    if (madeBy.command === 'report') {
      note('a report is made as a whole: what the last one decoded is used again')
      const { report } = await import('../workflows/report.ts')
      const out = dirname(path)
      const { summary, text } = await report(
        { ...madeBy.options, out, ...withThreads(threads) },
        context,
      )
      if (options.json) printJson(summary)
      else print(text)
      return undefined
    }
    if (madeBy.command === 'score') {
      const { score } = await import('../workflows/score.ts')
      const given: ScoreOptions = { ...madeBy.options, rejects: path, ...shared }
      return ((await score(given, context)).summary as { items: number }).items
    }
    const { signal: stop, onProgress, note: onNote } = context
    const given: RunOptions = { ...shared, signal: stop, onProgress, onNote, total: attempts.size }
    return await runAgain(pipelineOf(madeBy.options, options), path, given)
  } finally {
    view.close()
  }
}

function withThreads(threads: number | undefined): { readonly threads?: number } {
  return threads === undefined ? {} : { threads }
}

async function runAgain(made: RunArguments, path: string, options: RunOptions): Promise<number> {
  const { loadPipeline } = await import('./pipeline.ts')
  const { toParquet } = await import('../../connectors/to-parquet.ts')
  const { madeByText } = await import('../workflows/rejects.ts')
  const job = await loadPipeline(made.pipeline, made.args)
  refuseProblems(await check(job), made.pipeline)
  const command = madeByText({ command: 'run', options: made })
  const { seed, memory } = made
  const { sinks } = await run(job, {
    ...{ ...options, seed, command, rejects: toParquet(path) },
    ...(memory !== undefined && { memory }),
  })
  return sinks[0]?.rows ?? 0
}

/**
 * The pipeline to be run. A file of rejects may come from anywhere, and a pipeline is code: one that is
 * not in the folder that the command is called in has to be named by the caller.
 */
function pipelineOf(made: RunArguments, { pipeline }: Options): RunArguments {
  if (pipeline !== undefined) return { ...made, pipeline }
  if (!isAbsolute(made.pipeline) && !normalize(made.pipeline).startsWith('..')) return made
  throw new UsageError(
    `Expected rejects of a pipeline in this folder, got those of \`${made.pipeline}\`\nRun it all the same with: --pipeline FILE`,
  )
}

/** The command that is called again, for a person. */
function commandLine({ command, options }: MadeBy): string {
  const [reads, others] = 'pipeline' in options ? runLine(options) : workflowLine(options)
  const flags = Object.entries(others).flatMap(([name, value]) =>
    name === 'parts' ? partsLine(value as object) : [`--${name}`, String(value)],
  )
  return ['millrace', command, ...reads, ...flags].join(' ')
}

/** Parts have no options of their own, so they are told as the config that sets them. */
function partsLine(parts: object): readonly string[] {
  return Object.keys(parts).length === 0 ? [] : ['--config', JSON.stringify(parts)]
}

type Line = readonly [reads: readonly string[], others: object]

function runLine({ pipeline, args, ...others }: RunArguments): Line {
  return [[pipeline, ...args], others]
}

function workflowLine({ sources, ...others }: Omit<FolderOptions, 'out'>): Line {
  return [sources.map(({ path, split }) => (split ? `${split}=${path}` : path)), others]
}

function summaryText(summary: {
  readonly replayed: number
  readonly good: number
  readonly rejected: number
  readonly missing: number
}): string {
  const { replayed, good, rejected, missing } = summary
  const gone = missing > 0 ? ` (${String(missing)} missing)` : ''
  return `${plural(replayed, 'reject')}: ${String(good)} now good, ${String(rejected)} still rejected${gone}`
}
