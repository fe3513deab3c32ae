import type { Command } from 'commander'
import { check, type CheckOptions, type Problem } from '../run/check.ts'
import { addCheckOptions } from './options.ts'
import { note, print, printJson } from './output.ts'
import { problemText } from './plan-text.ts'
import { UsageError } from './usage-error.ts'

/** Sets up `millrace check`. */
export function configure(command: Command): void {
  addCheckOptions(
    command
      .argument('<pipeline>', 'TypeScript file whose default export is the pipeline')
      .argument('[args...]', 'given to the pipeline, if it is a function (after --)'),
  ).action(checkPipeline)
}

async function checkPipeline(
  file: string,
  args: readonly string[],
  { json, ...options }: CheckOptions & { readonly json?: true },
): Promise<void> {
  const { loadPipeline } = await import('./pipeline.ts')
  const problems = await check(await loadPipeline(file, args), options)
  if (json) printJson(problems)
  else for (const problem of problems) print(problemText(problem))
  const errors = problems.filter((problem) => problem.level === 'error').length
  if (errors > 0) process.exitCode = 2
  else if (!json) note(`${file}: no errors`)
}

/** Throws a {@link UsageError} with all errors among `problems`, if there are any. */
export function refuseProblems(problems: readonly Problem[], file: string): void {
  const errors = problems.filter((problem) => problem.level === 'error')
  if (errors.length === 0) return
  const lines = errors.map(({ message, operator }) => `${message} (in ${operator})`)
  throw new UsageError(`${lines.join('\n')}\n  in the pipeline ${file}`)
}
