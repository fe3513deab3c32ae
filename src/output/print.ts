import { ConnectorError } from '../errors.ts'

/** Waits until the reader has taken what was written, which is the backpressure of a pipe. */
export function print(chunk: Uint8Array, output: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
  return new Promise((resolve, reject) => {
    process[output].write(chunk, (cause) => {
      if (!cause) resolve()
      else {
        const where = output === 'stdout' ? 'standard output' : 'standard error'
        const message = `Expected to write to ${where}, got ${cause.message}`
        reject(new ConnectorError(message, { url: '-', retryable: false }, { cause }))
      }
    })
  })
}
