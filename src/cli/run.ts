import type { Command } from 'commander'
import type { Guarantee } from '../flow/flow.ts'
import { check } from '../run/check.ts'
import { flowsOf } from '../run/plan.ts'
import { run, type RunSummary } from '../run/run.ts'
import { wholeRun } from '../run/whole-run.ts'
import { refuseProblems } from './check.ts'
import {
  addRunOptions,
  type CheckpointFlags,
  checkpointOf,
  ratioOf,
  rejectsOption,
  requireOption,
} from './options.ts'
import { byteSize, duration, note, plural, printJson } from './output.ts'
import { progressView } from './progress.ts'
import { resumeCommand } from './resume-command.ts'
import { underSignals } from './signals.ts'

interface Options extends CheckpointFlags {
  readonly seed: number
  readonly threads?: number
  readonly memory?: number
  readonly spillDir?: string
  readonly maxRejectRatio: number
  readonly rejects?: string
  readonly require?: Guarantee
  readonly timeout?: number
  readonly stall?: number
  readonly json?: true
  readonly quiet?: true
}

/** Sets up `millrace run`. */
export function configure(command: Command): void {
  addRunOptions(
    command
      .argument('<pipeline>', 'TypeScript file whose default export is the pipeline')
      .argument('[args...]', 'given to the pipeline, if it is a function (after --)')
      .option('--max-reject-ratio <r>', 'most rejects per row, from the 100th row on', ratioOf, 0.5)
      .addOption(rejectsOption())
      .addOption(requireOption())
      .option('--spill-dir <dir>', "folder for spills (default: the system's temporary folder)"),
  ).action(runPipeline)
}

async function runPipeline(file: string, args: readonly string[], options: Options): Promise<void> {
  const { loadPipeline } = await import('./pipeline.ts')
  const { toParquet } = await import('../../connectors/to-parquet.ts')
  const { madeByText } = await import('../workflows/rejects.ts')
  const checkpoint = checkpointOf(options)
  const job = await loadPipeline(file, args)
  const { require } = options
  const checkpoints = checkpoint !== undefined
  const checked = { checkpoint: checkpoints, ...(require && { require }) }
  refuseProblems(await check(job, checked), file)
  const bounded = flowsOf(job).every(({ flow }) => flow.bounded)
  const view = progressView(process.stderr, options)
  const { seed, threads, memory, spillDir, maxRejectRatio, rejects, timeout, stall } = options
  const command = madeByText({
    command: 'run',
    options: { pipeline: file, args, seed, ...(memory !== undefined && { memory }) },
  })
  await underSignals({ bounded, checkpoints }, async (signals) => {
    const ran = await run(job, {
      ...{ seed, maxRejectRatio, onProgress: view.update, onNote: view.note, ...signals },
      ...(checkpoint && { checkpoint }),
      ...(timeout !== undefined && { timeoutMs: timeout }),
      ...(stall !== undefined && { stallMs: stall }),
      ...(threads !== undefined && { threads }),
      ...(memory !== undefined && { memory }),
      ...(spillDir !== undefined && { spillDir }),
      ...(rejects !== undefined && { rejects: toParquet(rejects), command }),
    }).finally(view.close)
    const summary = bounded ? wholeRun(ran) : ran
    if (options.json) printJson(summary)
    else note(summaryText(summary))
    if (summary.checkpoint?.complete === false) note(`Go on with: ${resumeCommand()}`)
  })
}

/** What a run did, for a person: a line per sink, then the sums. */
function summaryText({ rows, rejected, seconds, sinks }: RunSummary): string {
  const written = sinks.map(
    (sink) =>
      `${sink.sink}: ${plural(sink.rows, 'row')}, ${byteSize(sink.bytes)} in ${sink.location}`,
  )
  const refused = rejected > 0 ? `, ${plural(rejected, 'reject')}` : ''
  return [...written, `${plural(rows, 'row')} read${refused}, ${duration(seconds)}`].join('\n')
}
