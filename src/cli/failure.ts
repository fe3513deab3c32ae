import { resumePoint } from '../run/resume-point.ts'
import { resumeCommand } from './resume-command.ts'
import { InterruptedError, UsageError } from './usage-error.ts'

/** What a command says when it fails, and its exit code. */
export interface Failure {
  /** One or two lines: what is wrong, what to do. */
  readonly message: string
  /** 1 the run failed, 2 bad usage or pipeline, 130 or 143 cut short by a signal. */
  readonly exitCode: number
}

/** Errors that the caller mends in the command or the pipeline. */
const mendable = new Set(['OPTION', 'SCHEMA'])

/** What the system says when a disk or a quota is full, or a file as large as it may be. */
const noRoom = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Returns how to report `error`; with the command that resumes the run, if that kept checkpoints. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: `error: ${String(error)}`, exitCode: 1 }
  const resumable = resumePoint(error) !== undefined
  if (error instanceof InterruptedError) {
    const way = resumable ? `\nGo on with: ${resumeCommand()}` : ''
    return { message: `${error.message}${way}`, exitCode: error.exitCode }
  }
  const exitCode = error instanceof UsageError || mendable.has(codeOf(error)) ? 2 : 1
  const way = resumable ? `\nAfter mending it, go on with: ${resumeCommand()}` : ''
  return { message: `error: ${missingPackage(error) ?? described(error)}${way}`, exitCode }
}

/**
 * The message for a package that is not installed, or for a part of it that its platform lacks;
 * undefined if `error` is about something else.
 */
export function missingPackage(error: Error): string | undefined {
  if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(codeOf(error))) return undefined
  const specifier = /Cannot find (?:package|module) '([^']+)'/.exec(error.message)?.[1]
  if (specifier === undefined || /^[./]|^[a-z]:|^file:/i.test(specifier)) return undefined
  const name = packageName(specifier)
  return `Expected package \`${name}\`, which is not installed\nInstall it with: npm install ${name}`
}

/** The package that an import names: `@scope/name/file` is in `@scope/name`. */
export function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** The message, with the place and the cause where they say more. A {@link UsageError} says it all. */
function described(error: Error): string {
  if (noRoom.has(codeOf(error)))
    return `Expected room on the disk, got ${error.message}\nMake room there: for the output, the checkpoints, or spills in the temporary folder (TMPDIR)`
  const lines = [error.message || error.name]
  const url = 'url' in error && typeof error.url === 'string' ? error.url : ''
  if (!lines[0]?.includes(url)) lines.push(`  in ${url}`)
  const told = !(error instanceof UsageError) && error.cause instanceof Error
  const cause = told ? (error.cause as Error).message : ''
  if (!lines[0]?.includes(cause)) lines.push(`  because: ${cause}`)
  if (error.cause instanceof Error && noRoom.has(codeOf(error.cause))) lines.push('Make room there')
  return lines.join('\n')
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
