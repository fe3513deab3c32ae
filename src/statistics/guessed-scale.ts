import type { Distribution } from '../kernels/distribution.ts'
import type { Scale } from './measures.ts'

const depths = [1, 8, 12, 16, 32]

/**
 * The scale that DataEval guesses from the samples: the first of 1, 8, 12, 16 and 32 bits that has room for the largest;
 * 32 if that is unknown. Samples below 0 have depth 0, and their own range.
 */
export function guessedScale({ values }: Distribution, known: boolean, below: number): Scale {
  const least = known ? values.at(0) : undefined
  const largest = known ? values.at(-1) : undefined
  if (least !== undefined && largest !== undefined && least < 0)
    return { depth: 0, low: below * least, range: largest - least }
  const depth = depths.find((bits) => largest !== undefined && 2 ** bits > largest) ?? 32
  return { depth, low: 0, range: 2 ** depth - 1 }
}
