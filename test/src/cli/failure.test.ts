import { describe, expect, it } from 'vitest'
import { failureOf, packageName } from '../../../src/cli/failure.ts'
import { InterruptedError, UsageError } from '../../../src/cli/usage-error.ts'
import {
  ConnectorError,
  DataError,
  OptionError,
  RejectLimitError,
  SchemaError,
} from '../../../src/errors.ts'
import { keepResumePoint } from '../../../src/run/resume-point.ts'

const url = 'photos'
const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })

describe('failureOf', () => {
  it.each([
    ['a usage error', new UsageError('Expected x', { cause: new Error('y') }), 2, 'Expected x'],
    ['an option error', new OptionError('Expected x'), 2, 'Expected x'],
    ['a schema error', new SchemaError('Expected x', { column: 'c' }), 2, 'Expected x'],
    [
      'a connector error',
      new ConnectorError('Expected x', { url, retryable: true }),
      1,
      'Expected x\n  in photos',
    ],
    ['a data error', new DataError('Expected `photos`', { url }), 1, 'Expected `photos`'],
    ['too many rejects', new RejectLimitError('Expected x'), 1, 'Expected x'],
    ['another error', new TypeError('oops'), 1, 'oops'],
    ['no error', 'oops', 1, 'oops'],
    [
      'a cause that says more',
      new DataError('Expected Parquet', { url }, { cause: new Error('no magic') }),
      1,
      'Expected Parquet\n  in photos\n  because: no magic',
    ],
    [
      'a cause that says no more',
      new DataError('Expected Parquet, got no magic', { url }, { cause: new Error('no magic') }),
      1,
      'Expected Parquet, got no magic\n  in photos',
    ],
    [
      'a package that is not installed',
      Object.assign(new Error("Cannot find package 'onnxruntime-node' imported from /x.js"), {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
      1,
      'Expected package `onnxruntime-node`, which is not installed\nInstall it with: npm install onnxruntime-node',
    ],
    [
      'a file that is not there',
      Object.assign(new Error("Cannot find module './x.js'"), { code: 'MODULE_NOT_FOUND' }),
      1,
      "Cannot find module './x.js'",
    ],
    [
      'a disk that is full',
      new ConnectorError('Expected to write x', { url, retryable: false }, { cause: full }),
      1,
      'Expected to write x\n  in photos\n  because: ENOSPC: no space left\nMake room there',
    ],
    [
      'a disk that is full, and which it is not known',
      full,
      1,
      'Expected room on the disk, got ENOSPC: no space left\nMake room there: for the output, the checkpoints, or spills in the temporary folder (TMPDIR)',
    ],
  ])('reports %s', (_name, error, exitCode, message) => {
    expect(failureOf(error)).toEqual({ message: `error: ${message}`, exitCode })
  })

  it('adds the command that resumes the run, to an error and to an interruption', () => {
    const error = new Error('oops')
    const stopped = new InterruptedError('stopped', 143)
    for (const failed of [error, stopped])
      keepResumePoint(failed, { run: 'r', number: 3, complete: false })
    expect(failureOf(error).message).toMatch(
      /^error: oops\nAfter mending it, go on with: .* --resume/,
    )
    expect(failureOf(stopped).message).toMatch(/^stopped\nGo on with: .* --resume/)
  })

  it('reports an interruption without calling it an error', () => {
    const error = new InterruptedError('stopped', 143)
    expect(failureOf(error)).toEqual({ message: 'stopped', exitCode: 143 })
  })
})

describe('packageName', () => {
  it.each([
    ['rxjs', 'rxjs'],
    ['rxjs/ajax/more', 'rxjs'],
    ['@tensorflow/tfjs/dist/x.js', '@tensorflow/tfjs'],
  ])('of %s is %s', (specifier, name) => {
    expect(packageName(specifier)).toBe(name)
  })
})
