/** The command was called wrongly, or its pipeline cannot run as it is: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A signal ended the command before its work was done: exit code 130 or 143. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  /** Exit code that says by which signal. */
  readonly exitCode: number
  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
