import { readdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { Observable } from 'rxjs'
import { FlowError } from '../errors.ts'
import { didYouMean, kindOf } from '../options.ts'
import { flowsOf, type Job } from '../run/plan.ts'
import { missingPackage } from './failure.ts'
import { builtFile } from '../package.ts'
import { UsageError } from './usage-error.ts'

/** Subpaths of RxJS; an alias holds for one specifier each. */
const rxjsParts = [
  'rxjs',
  'rxjs/ajax',
  'rxjs/fetch',
  'rxjs/operators',
  'rxjs/testing',
  'rxjs/webSocket',
]

/**
 * Loads a pipeline from a TypeScript file in any folder, without a build step. Its default export
 * is a flow, a list of them, `{ name: flow }`, or a function of `args` that returns one of these.
 *
 * `millrace`, `rxjs` and `apache-arrow` are those of this command, so that its flows and batches
 * are of the classes that the command knows.
 *
 * @throws {UsageError} if there is no such file, it does not parse, an import is missing, or the
 * default export is something else
 */
export async function loadPipeline(file: string, args: readonly string[] = []): Promise<Job> {
  const path = resolve(file)
  const found = await stat(path).catch(() => undefined)
  if (!found) throw new UsageError(`Expected a pipeline file, got nothing at \`${file}\``)
  if (!found.isFile()) throw new UsageError(`Expected a pipeline file, got a folder at \`${file}\``)
  const exported = await imported(path)
  if (!('default' in exported)) throw noDefault(file, Object.keys(exported))
  const made: unknown =
    typeof exported.default === 'function'
      ? await called(exported.default as (args: readonly string[]) => unknown, path, args)
      : exported.default
  return asJob(made, file)
}

async function imported(path: string): Promise<Record<string, unknown>> {
  const alias = {
    millrace: builtFile('src', 'index.js'),
    'millrace/operators': builtFile('operators'),
    'millrace/connectors': builtFile('connectors'),
    'apache-arrow': resolved('apache-arrow'),
    ...Object.fromEntries(rxjsParts.map((part) => [part, resolved(part)])),
  }
  const jiti = createJiti(import.meta.url, { alias, fsCache: false, interopDefault: false })
  try {
    return await jiti.import<Record<string, unknown>>(path)
  } catch (error) {
    throw importFailure(error, path)
  }
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

/** Says what is wrong with a pipeline file; errors of its own making are passed on. */
function importFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof FlowError) return error
  const syntax = /^ParseError: (.*?)\s*\n\s*(.+):(\d+):(\d+)/s.exec(error.message)
  if (syntax) {
    const [, problem = '', file = path, line = '', column = ''] = syntax
    const place = `${file}:${line}:${String(Number(column) + 1)}`
    return new UsageError(`Expected TypeScript, got a syntax error: ${problem}\n  at ${place}`, {
      cause: error,
    })
  }
  const message = missingImport(error) ?? missingName(error) ?? otherLanguage(error)
  return message === undefined
    ? error
    : new UsageError(`${message}\n  in ${path}`, { cause: error })
}

function missingImport(error: Error): string | undefined {
  const wanted = /Cannot find module '([^']+)'/.exec(error.message)?.[1]
  if (wanted === undefined) return undefined
  for (const kind of ['operators', 'connectors']) {
    const folder = builtFile(kind)
    if (!wanted.startsWith(folder)) continue
    const name = wanted.slice(folder.length + 1)
    return `Expected one of the ${kind}, got \`${name}\`${didYouMean(name, modulesIn(folder))}\nSee them with: millrace list`
  }
  const inMillrace = builtFile('src', 'index.js')
  if (wanted.startsWith(inMillrace))
    return `Expected \`millrace\`, \`millrace/operators/…\` or \`millrace/connectors/…\`, got \`millrace${wanted.slice(inMillrace.length)}\``
  return missingPackage(error) ?? `Expected a file to import, got nothing at \`${wanted}\``
}

/** Imported names are looked up when they are used, so one that does not exist is found there. */
function missingName(error: Error): string | undefined {
  const [, module, name] = /^\(0 ?, _(\w+)\.(\w+)\) is not a function/.exec(error.message) ?? []
  if (error.name !== 'TypeError' || module === undefined || name === undefined) return undefined
  return `Expected \`${name}\` to be a function that \`${module}\` exports, got nothing of that name`
}

function otherLanguage(error: Error): string | undefined {
  const [, extension] = /^Unknown file extension "([^"]*)"/.exec(error.message) ?? []
  return extension && `Expected TypeScript or JavaScript, got a file named \`*${extension}\``
}

function modulesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((file) =>
    file.endsWith('.js') ? [basename(file, '.js')] : [],
  )
}

function resolved(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier))
}
