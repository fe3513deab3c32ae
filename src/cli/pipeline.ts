import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Observable } from 'rxjs'
import { kindOf } from '../options.ts'
import { flowsOf, type Job } from '../run/plan.ts'
import { importFailure, importModule } from './import-module.ts'
import { UsageError } from './usage-error.ts'

/**
 * Loads a pipeline from a TypeScript file in any folder, without a build step. Its default export
 * is a flow, a list of them, `{ name: flow }`, or a function of `args` that returns one of these.
 *
 * @throws {UsageError} if there is no such file, it does not parse, an import is missing, or the
 * default export is something else
 */
export async function loadPipeline(file: string, args: readonly string[] = []): Promise<Job> {
  const path = resolve(file)
  const found = await stat(path).catch(() => undefined)
  if (!found) throw new UsageError(`Expected a pipeline file, got nothing at \`${file}\``)
  if (!found.isFile()) throw new UsageError(`Expected a pipeline file, got a folder at \`${file}\``)
  const exported = await importModule(path)
  if (!('default' in exported)) throw noDefault(file, Object.keys(exported))
  const made: unknown =
    typeof exported.default === 'function'
      ? await called(exported.default as (args: readonly string[]) => unknown, path, args)
      : exported.default
  return asJob(made, file)
}

async function called(
  make: (args: readonly string[]) => unknown,
  path: string,
  args: readonly string[],
): Promise<unknown> {
  try {
    return await make(args)
  } catch (error) {
    throw importFailure(error, path)
  }
}

function asJob(made: unknown, file: string): Job {
  const what = 'a Flow, a list of Flows, an object of Flows, or a function that returns one'
  const parts = made instanceof Observable ? [made] : Object.values(made ?? {})
  if (typeof made !== 'object' || !parts.every((part) => part instanceof Observable)) {
    const wrong: unknown = parts.find((part) => !(part instanceof Observable))
    const got =
      typeof made === 'object' && wrong !== undefined
        ? `${kindOf(made)} with ${kindOf(wrong)}`
        : kindOf(made)
    throw new UsageError(`Expected the default export of \`${file}\` to be ${what}, got ${got}`)
  }
  flowsOf(made as Job)
  return made as Job
}

function noDefault(file: string, names: readonly string[]): UsageError {
  const got = names.length === 0 ? 'no exports' : `exports ${names.join(', ')}`
  return new UsageError(
    `Expected a default export in \`${file}\`, got ${got}\nEnd the file with: export default source.pipe(…)`,
  )
}
