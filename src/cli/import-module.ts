import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { FlowError } from '../errors.ts'
import { didYouMean } from '../options.ts'
import { builtFile } from '../package.ts'
import { missingPackage } from './failure.ts'
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
 * Imports a TypeScript or JavaScript file from any folder, without a build step. `millrace`, `rxjs` and
 * `apache-arrow` are those of this command, so that its flows and batches are of the classes that the command knows.
 *
 * @throws {UsageError} if it does not parse, or an import is missing
 */
export async function importModule(path: string): Promise<Record<string, unknown>> {
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

/** Says what is wrong with such a file; errors of its own making are passed on. */
export function importFailure(error: unknown, path: string): unknown {
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
