import type { Command } from 'commander'
import { explain, type ExplainOptions } from '../run/explain.ts'
import { addCheckOptions, memoryOption } from './options.ts'
import { print, printJson } from './output.ts'
import { planText } from './plan-text.ts'

/** Sets up `millrace explain`. */
export function configure(command: Command): void {
  addCheckOptions(
    command
      .argument('<pipeline>', 'TypeScript file whose default export is the pipeline')
      .argument('[args...]', 'given to the pipeline, if it is a function (after --)')
      .addOption(memoryOption()),
  ).action(explainPipeline)
}

async function explainPipeline(
  file: string,
  args: readonly string[],
  { json, ...options }: ExplainOptions & { readonly json?: true },
): Promise<void> {
  const { loadPipeline } = await import('./pipeline.ts')
  const plan = await explain(await loadPipeline(file, args), options)
  if (json) printJson(plan)
  else print(planText(plan))
  if (plan.problems.some((problem) => problem.level === 'error')) process.exitCode = 2
}
