import { basename, relative } from 'node:path'

/** What of a process tells how its command was typed. */
export interface Typed {
  /** The program and its arguments, as `process.argv`. */
  readonly argv: readonly string[]
  /** The folder it was typed in. */
  readonly cwd: string
  /** Its environment: npm says there when it started the program. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The command as it was typed, with `--resume` (a replay goes on in any case), quoted for a shell. */
export function resumeCommand({ argv, cwd, env }: Typed = typed()): string {
  const [, script = 'millrace', ...args] = argv
  // Behind `--` everything is for the pipeline.
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const replays = args.find((arg) => !arg.startsWith('-')) === 'replay'
  if (!replays && !args.slice(0, end).includes('--resume')) args.splice(end, 0, '--resume')
  return [...programOf(script, cwd, env), ...args].map(quoted).join(' ')
}

function typed(): Typed {
  return { argv: process.argv, cwd: process.cwd(), env: process.env }
}

function programOf(script: string, cwd: string, env: Typed['env']): readonly string[] {
  if (basename(script) === 'millrace')
    return env['npm_command'] === 'exec' ? ['npx', 'millrace'] : ['millrace']
  const near = relative(cwd, script)
  return ['node', near.startsWith('..') ? script : near]
}

function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`
}
