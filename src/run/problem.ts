import type { ErrorCode } from '../errors.ts'

/** Something that a check found. */
export interface Problem {
  /** `error`: the run would fail. `note`: worth knowing, the run would go on. */
  readonly level: 'error' | 'note'
  /** Name of the operator, source or sink. */
  readonly operator: string
  /** What was expected, what is there. */
  readonly message: string
  /** Code of the error; a note has none. */
  readonly code?: ErrorCode
  /** The column it is about. */
  readonly column?: string
  /** The type which that column has; absent if there is no such column. */
  readonly actual?: string
  /** The column of the input whose name comes nearest, where there is no such column. */
  readonly suggestion?: string
}

/** An error that the caller mends in the job or its options. */
export function optionProblem(operator: string, message: string): Problem {
  return { level: 'error', operator, message, code: 'OPTION' }
}
