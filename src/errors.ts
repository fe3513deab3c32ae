import { withoutSecrets } from './secrets.ts'

/** Codes are stable: callers switch on them, messages may change. */
export type ErrorCode =
  | 'OPTION'
  | 'SCHEMA'
  | 'DATA'
  | 'CONNECTOR'
  | 'OVERRUN'
  | 'REJECTS'
  | 'WORKER'
  | 'SUSPENDED'
  | 'TIMEOUT'

/** Base of every error this library throws. Classes are cut by what the caller does next. Messages hold no password of a URL. */
export abstract class FlowError extends Error {
  abstract readonly code: ErrorCode
  constructor(message?: string, options?: ErrorOptions) {
    super(message === undefined ? undefined : withoutSecrets(message), options)
  }
  override get name(): string {
    return this.constructor.name
  }
}

/** A caller passed a bad option. Thrown when the operator is built, never during a run. */
export class OptionError extends FlowError {
  readonly code = 'OPTION'
}

/** A batch lacks a column, or has it with another type: the pipeline is wired wrongly. */
export class SchemaError extends FlowError {
  readonly code = 'SCHEMA'
  readonly column: string
  constructor(message: string, details: { column: string }, options?: ErrorOptions) {
    super(message, options)
    this.column = details.column
  }
}

/** What a {@link ConnectorError} says beside its message. */
export type ConnectorErrorDetails = Pick<
  ConnectorError,
  'url' | 'retryable' | 'status' | 'retryAfterMs'
>

/** The outside world failed; `retryable` says whether the same call may succeed later. */
export class ConnectorError extends FlowError {
  readonly code = 'CONNECTOR'
  readonly url: string
  readonly retryable: boolean
  /** The status of an HTTP answer, if it was one. */
  readonly status?: number
  /** How long the other side asks to wait before the next try. */
  readonly retryAfterMs?: number
  constructor(message: string, details: ConnectorErrorDetails, options?: ErrorOptions) {
    super(message, options)
    this.url = withoutSecrets(details.url)
    this.retryable = details.retryable
    if (details.status !== undefined) this.status = details.status
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

/** The bytes read do not decode: the input is cut, damaged, or not what it was said to be. */
export class DataError extends FlowError {
  readonly code = 'DATA'
  readonly url: string
  constructor(message: string, details: { url: string }, options?: ErrorOptions) {
    super(message, options)
    this.url = withoutSecrets(details.url)
  }
}

/** An Observable that cannot be slowed pushed faster than its values were taken, or a branch lags beyond its bound. */
export class OverrunError extends FlowError {
  readonly code = 'OVERRUN'
}

/** More rows were rejected than the run allows. */
export class RejectLimitError extends FlowError {
  readonly code = 'REJECTS'
}

/** A worker thread died, of a crash or for want of memory. Nothing was published: the caller runs again, or resumes. */
export class WorkerError extends FlowError {
  readonly code = 'WORKER'
}

/** An error as it crosses between threads. */
export interface PlainError {
  /** Class name. */
  readonly name: string
  /** Message. */
  readonly message: string
  /** Where it was thrown. */
  readonly stack: string | undefined
  /** The class's own fields (`url`, `column`, `retryable`). */
  readonly fields: Readonly<Record<string, unknown>>
}

const classes: Readonly<Record<string, { readonly prototype: Error }>> = {
  OptionError,
  SchemaError,
  ConnectorError,
  DataError,
  OverrunError,
  RejectLimitError,
  WorkerError,
}

/** Makes `error` fit to be posted to another thread. */
export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), stack: undefined, fields: {} }
  const fields = Object.fromEntries(
    Object.entries(error).filter(([, v]) => ['string', 'number', 'boolean'].includes(typeof v)),
  )
  return { name: error.name, message: error.message, stack: error.stack, fields }
}

/** Makes an error of the class it had on the other thread. */
export function fromPlainError(plain: PlainError): Error {
  const known = classes[plain.name]
  const error = new Error(plain.message)
  if (known) Object.setPrototypeOf(error, known.prototype)
  else error.name = plain.name
  Object.assign(error, plain.fields)
  if (plain.stack !== undefined) error.stack = plain.stack
  return error
}

/** A run was stopped at a checkpoint: what follows it is left for a resumed run. */
export class SuspendedError extends FlowError {
  readonly code = 'SUSPENDED'
}

/** A run took longer than it was allowed to. */
export class RunTimeoutError extends FlowError {
  readonly code = 'TIMEOUT'
}
