import type { Command } from 'commander'
import { explain } from '../run/explain.ts'
import { jsonOption, memoryOption } from './options.ts'
import { print, printJson } from './output.ts'
import { planText } from './plan-text.ts'

/** Sets up `millrace explain`. */
export function configure(command: Command): void {
  command
    .argument('<pipeline>', 'TypeScript file whose default export is the pipeline')
    .argument('[args...]', 'given to the pipeline, if it is a function (after --)')
    .addOption(memoryOption())
    .addOption(jsonOption())
    .action(explainPipeline)
}

async function explainPipeline(
  file: string,
  args: readonly string[],
  options: { readonly json?: true; readonly memory?: number },
): Promise<void> {
  const { loadPipeline } = await import('./pipeline.ts')
  const { memory } = options
  const job = await loadPipeline(file, args)
  const plan = await explain(job, memory === undefined ? {} : { memory })
  if (options.json) printJson(plan)
  else print(planText(plan))
  if (plan.problems.some((problem) => problem.level === 'error')) process.exitCode = 2
}
