import { DataError } from '../errors.ts'
import { kindOf } from '../options.ts'
import type { ModelState } from './model.ts'

/** Refuses a state of a model that does not fit: whether it does, what was expected, and what was there. */
export type SavedCheck = (fits: boolean, what: string, got: unknown) => void

/**
 * Checks what a saved model says: anybody may write one, and one that was damaged may read as numbers all the same.
 *
 * @throws {DataError} by the check, if something does not fit
 */
export function savedCheck({ kind, origin }: ModelState): SavedCheck {
  return (fits, what, got) => {
    if (fits) return
    const isPlain = ['string', 'number', 'boolean'].includes(typeof got)
    const shown = typeof got === 'string' ? JSON.stringify(got).slice(0, 80) : String(got)
    throw new DataError(
      `Expected ${what} in the saved \`${kind}\`, got ${isPlain ? shown : kindOf(got)}; fit it again`,
      { url: origin ?? 'memory' },
    )
  }
}

/** The number of the first value that is not finite, or below the one before; −1 if there is none. */
export function firstUnsorted(values: Float64Array): number {
  return values.findIndex(
    (value, i) => !Number.isFinite(value) || (i > 0 && value < (values[i - 1] ?? NaN)),
  )
}

/** Whether all are texts, and no two the same. */
export function areNames(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}
