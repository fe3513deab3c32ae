import { ConnectorError, FlowError, WorkerError } from '../errors.ts'

/**
 * `error`, with the name of the stage that it stopped: the disk's and the kernel's do not have it.
 * Errors of the library's own classes and an abort are returned as they are.
 */
export function stageError(name: string, error: unknown): unknown {
  if (error instanceof WorkerError)
    return new WorkerError(`Expected ${name} to answer for all rows, got ${error.message}`, {
      cause: error,
    })
  if (!(error instanceof Error) || error instanceof FlowError || error.name === 'AbortError')
    return error
  const { message, path, syscall } = error as NodeJS.ErrnoException
  if (syscall !== undefined)
    return new ConnectorError(
      `Expected ${name} to write and read its rows on disk, got ${message}`,
      { url: path ?? 'the folder of the run', retryable: false },
      { cause: error },
    )
  return new Error(`Expected ${name} to answer for all rows, got ${message}`, { cause: error })
}

/** Does `work` of a stage, and names it in the errors of that. */
export async function inStage<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw stageError(name, error)
  }
}
