import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type {
  CompareOptions,
  ReportOptions,
  ScoreOptions,
  SourceSpec,
  StatsOptions,
  Workflow,
  WorkflowOptions,
} from '../workflows/workflow.ts'
import {
  addRunOptions,
  applyConfig,
  type CheckpointFlags,
  checkpointOf,
  positiveIntegerOf,
  rejectsOption,
} from './options.ts'
import { note, print, printJson } from './output.ts'
import { progressView } from './progress.ts'
import { underSignals } from './signals.ts'
import { UsageError } from './usage-error.ts'

/** Loads a workflow: its modules are many, and help does not need them. */
export type LoadWorkflow<Options> = () => Promise<Workflow<Options>>

/** Sets up a command that reads sources and writes a folder: `report`, `fit`. Its parts, of those names, are set by its config alone. */
export function configureFolderCommand(
  command: Command,
  load: LoadWorkflow<ReportOptions>,
  partNames: () => Promise<readonly string[]>,
): void {
  command.option('--out <dir>', 'folder to write (required)')
  addSourceOptions(command).action(async (sources: string[]) => {
    const parts = await configured(command, await partNames())
    const out = requiredOption(command, 'out', '--out DIR')
    await runWorkflow(command, load, { ...sharedOptions(command, sources), out, parts })
  })
}

/** Sets up `millrace score`, whose parts are set by its config alone. */
export function configureScore(command: Command, load: LoadWorkflow<ScoreOptions>): void {
  command
    .option('--models <dir>', 'folder of fitted models, as fit and report write it (required)')
    .option('--out <file>', '.parquet, .csv or .jsonl to write, or - (required)')
    .addOption(rejectsOption())
  addSourceOptions(command).action(async (sources: string[]) => {
    const { scoredPartNames } = await import('../workflows/score-parts.ts')
    const parts = await configured(command, scoredPartNames)
    const shared = sharedOptions(command, sources)
    const models = requiredOption(command, 'models', '--models DIR')
    const out = requiredOption(command, 'out', '--out FILE')
    const { rejects } = command.opts<Pick<ScoreOptions, 'rejects'>>()
    const given = { ...shared, models, out, parts, ...(rejects !== undefined && { rejects }) }
    await runWorkflow(command, load, given)
  })
}

/** Sets up `millrace stats`, whose bounds are set by its config alone. */
export function configureStats(command: Command, load: LoadWorkflow<StatsOptions>): void {
  command
    .option('--out <file>', '.parquet, .csv or .jsonl to write a row per picture to, or -')
    .addOption(rejectsOption())
    .option('--channels', 'tell the channels apart')
  addSourceOptions(command, { model: false }).action(async (sources: string[]) => {
    const settings = await configured(command, ['outliers'])
    const { out, rejects, channels } =
      command.opts<Pick<StatsOptions, 'out' | 'rejects' | 'channels'>>()
    await runWorkflow(command, load, {
      ...sharedOptions(command, sources),
      ...(out !== undefined && { out }),
      ...(rejects !== undefined && { rejects }),
      ...(channels !== undefined && { channels }),
      ...settings,
    })
  })
}

/** Sets up `millrace compare`, which keeps no checkpoints: it may have to fit before it compares. */
export function configureCompare(command: Command, load: LoadWorkflow<CompareOptions>): void {
  command
    .argument('<fit>', 'folder of fitted models, or a source that is fitted')
    .argument('<other>', 'what is compared with it: a source as of report')
  addRunOptions(addInputOptions(command), { checkpoints: false }).action(
    async (fit: string, other: string) => {
      await configured(command)
      const shared = sharedOptions(command, [other])
      await runWorkflow(command, load, { ...shared, fit: sourceOf(fit) })
    },
  )
}

/** The source that `text` names: `split=PATH`, or a path; one that exists as it stands is a path. */
export function sourceOf(text: string): SourceSpec {
  const [, split, path] = /^([\w-]+)=(.+)$/s.exec(text) ?? []
  if (split === undefined || path === undefined || existsSync(text)) return { path: text }
  return { path, split }
}

function addSourceOptions(command: Command, inputs?: InputOptions): Command {
  command.argument(
    '<source...>',
    'folder, picture, glob, Parquet, Arrow, tar, CSV, JSON lines, COCO or YOLO file, also s3:// and http(s)://, or split=SOURCE',
  )
  return addRunOptions(addInputOptions(command, inputs))
}

/** Which options of inputs a command has. */
interface InputOptions {
  /** Whether it makes embeddings. */
  readonly model?: boolean
}

function addInputOptions(command: Command, { model = true }: InputOptions = {}): Command {
  command.option(
    '--labels <pattern>',
    "labels and splits in the paths, e.g. '{split}/{label}/{name}'",
  )
  if (model)
    command.option('--model <file>', '.onnx or model.json for the embeddings (default: bundled)')
  return command
    .addOption(linksOption())
    .option('--limit <n>', 'read at most so many items', positiveIntegerOf)
    .option('--config <file>', 'JSON or TypeScript file with options that are not given here')
}

/** Takes the options of `--config`; returns what it says of `settings`, which are no options. */
async function configured(
  command: Command,
  settings: readonly string[] = [],
): Promise<Record<string, unknown>> {
  const { config } = command.opts<{ readonly config?: string }>()
  return config === undefined ? {} : applyConfig(command, config, settings)
}

function sharedOptions(command: Command, sources: string[]): WorkflowOptions {
  const flags = command.opts<
    CheckpointFlags & { readonly timeout?: number; readonly stall?: number }
  >()
  const checkpoint = checkpointOf(flags)
  const { seed, ...rest } = command.opts<Omit<WorkflowOptions, 'checkpoint'>>()
  const { labels, links, model, limit, threads, memory } = rest
  return {
    sources: sources.map(sourceOf),
    seed,
    ...(labels !== undefined && { labels }),
    ...(links !== undefined && { links }),
    ...(model !== undefined && { model }),
    ...(limit !== undefined && { limit }),
    ...(threads !== undefined && { threads }),
    ...(memory !== undefined && { memory }),
    ...(flags.timeout !== undefined && { timeoutMs: flags.timeout }),
    ...(flags.stall !== undefined && { stallMs: flags.stall }),
    ...(checkpoint && { checkpoint }),
  }
}

function linksOption(): Option {
  const text = 'links in folders to follow: those that stay within, or all'
  return new Option('--links <which>', text).choices(['within', 'all'])
}

/** Checked here and not by the parser, since it may come from `--config`. */
function requiredOption(command: Command, name: string, flag: string): string {
  const value: unknown = command.getOptionValue(name)
  if (typeof value === 'string' && value !== '') return value
  throw new UsageError(`Expected ${command.name()} to be given ${flag}`)
}

async function runWorkflow<Options extends WorkflowOptions>(
  command: Command,
  load: LoadWorkflow<Options>,
  options: Options,
): Promise<void> {
  const { json, quiet } = command.opts<{ readonly json?: true; readonly quiet?: true }>()
  const workflow = await load()
  const view = progressView(process.stderr, { quiet: quiet === true })
  const checkpoints = options.checkpoint !== undefined
  const { summary, text } = await underSignals({ bounded: true, checkpoints }, (signals) =>
    workflow(options, { ...signals, onProgress: view.update, note: view.note }).finally(view.close),
  )
  // Where the rows themselves go to stdout, the summary would be taken for one of them.
  if ('out' in options && options.out === '-') note(json ? JSON.stringify(summary) : text)
  else if (json) printJson(summary)
  else print(text)
}
