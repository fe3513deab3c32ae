import fc from 'fast-check'
import { fuzzRuns, fuzzSeed } from './fuzz.ts'

/** Checks `numRuns` values in CI; which one fails, and of which seed, is told by fast-check. */
export function holds<T>(
  values: fc.Arbitrary<T>,
  numRuns: number,
  check: (value: T) => Promise<unknown>,
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(values, async (value) => {
      await check(value)
    }),
    { seed: fuzzSeed, numRuns: numRuns * fuzzRuns },
  )
}

/** Text of a few tokens, in which those that have a meaning meet often. */
export function textOf(...tokens: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...tokens), { maxLength: 60 }).map((parts) => parts.join(''))
}
