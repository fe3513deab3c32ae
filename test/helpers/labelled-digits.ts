import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { Random } from '../../src/kernels/random.ts'
import { sklearn } from './digits.ts'

const file = new URL('../fixtures/labels/label-errors.json', import.meta.url)

/** A digit: its 64 values and its label. */
export interface Digit {
  readonly at: readonly number[]
  readonly label: string
}

/** The numbers of test/fixtures/labels/regenerate.py. */
export const labelled = JSON.parse(readFileSync(file, 'utf8')) as {
  digits: string
  labels: string
  copied: number[]
  label_error: number[]
  suggested_label: (number | null)[]
  label_confidence: (number | null)[]
}

/** All 1,797 digits, in scikit-learn's order. */
export function labelledDigits(): Digit[] {
  const { columns, zlib_base64 } = sklearn('digits') as { columns: number; zlib_base64: string }
  const bytes = inflateSync(Buffer.from(zlib_base64, 'base64'))
  return Array.from(labelled.digits, (label, row) => ({
    at: [...bytes.subarray(row * columns, (row + 1) * columns)],
    label,
  }))
}

/** The digits with a share of their labels replaced by another one at random; `flipped` says which. */
export function flippedDigits(
  digits: readonly Digit[],
  share: number,
  seed: number,
): { digits: Digit[]; flipped: ReadonlySet<number> } {
  const random = new Random(seed)
  const keys = digits.map(() => random.uniform())
  const order = [...digits.keys()].sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
  const flipped = new Set(order.slice(0, Math.round(share * digits.length)))
  return {
    flipped,
    digits: digits.map(({ at, label }, row) => {
      if (!flipped.has(row)) return { at, label }
      return { at, label: String((Number(label) + 1 + Math.floor(random.uniform() * 9)) % 10) }
    }),
  }
}
