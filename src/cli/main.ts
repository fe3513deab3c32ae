#!/usr/bin/env -S MALLOC_TRIM_THRESHOLD_=4194304 node
// glibc would otherwise keep up to 64 MB in each of its arenas, of which every thread has one, for buffers that are
// freed; other systems know no such variable. Measured by bench/soak.ts: 200 MB.
import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { failureOf } from './failure.ts'
import { note } from './output.ts'
import { packageVersion } from '../package.ts'

/** A command: what it does, and the module that has the rest. */
interface CommandSpec {
  readonly summary: string
  /** Called only for the command that is asked for, so that help answers at once. */
  readonly load: () => Promise<{ configure: (command: Command) => void }>
}

const commands: Readonly<Record<string, CommandSpec>> = {
  report: { summary: 'report on a dataset', load: () => import('./report.ts') },
  stats: { summary: 'tell the statistics of pictures', load: () => import('./stats.ts') },
  fit: { summary: 'fit models to a dataset', load: () => import('./fit.ts') },
  score: { summary: 'score items by fitted models', load: () => import('./score.ts') },
  export: { summary: 'write fitted models as one ONNX model', load: () => import('./export.ts') },
  compare: {
    summary: 'tell how far a set is from the one that models are fitted to',
    load: () => import('./compare.ts'),
  },
  run: { summary: 'run a pipeline', load: () => import('./run.ts') },
  replay: { summary: 'do rejects again', load: () => import('./replay.ts') },
  check: { summary: 'check the wiring of a pipeline', load: () => import('./check.ts') },
  explain: { summary: 'show the plan of a pipeline', load: () => import('./explain.ts') },
  list: { summary: 'list the operators and connectors', load: () => import('./list.ts') },
  describe: { summary: 'describe an operator or connector', load: () => import('./describe.ts') },
  inspect: {
    summary: 'show what is in a Parquet or Arrow file, or in a model folder',
    load: () => import('./inspect.ts'),
  },
  doctor: { summary: 'show what this machine has', load: () => import('./doctor.ts') },
}

await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  endQuietlyWithTheReader()
  const verbose = args.includes('--verbose') || (process.env['DEBUG'] ?? '') !== ''
  try {
    const program = await programFor(args)
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else fail(error, verbose)
  }
}

/** The program, with the options of the command that `args` ask for. */
async function programFor(args: readonly string[]): Promise<Command> {
  const [first, second] = args.filter((arg) => !arg.startsWith('-'))
  const wanted = first === 'help' ? second : first
  const program = new Command('millrace')
    .description('Inspects and curates image and embedding datasets, as streams.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--verbose', 'show where an error comes from')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary).helpOption('--help', 'show help')
    if (name === wanted) (await load()).configure(command)
  }
  return program
}

function fail(error: unknown, verbose: boolean): void {
  const { message, exitCode } = failureOf(error)
  note(message)
  if (verbose) note(inspect(error))
  process.exitCode = exitCode
}

/** `millrace list | head -1` is no error. */
function endQuietlyWithTheReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}
