import { type NearPairs, noHamming } from '../kernels/near-pairs.ts'
import { bitCount, type HammingPairs, hammingPairs } from '../models/hamming-index.ts'
import type { Facts } from './duplicate-facts.ts'

/** Pairs of rows whose hashes are near; the arrays run in parallel. */
export type HashPairs = Omit<NearPairs, 'next'>

/** Hashes of a row that has all: of the picture itself, then of the turned and mirrored ones. */
const formCount = 8

/**
 * The pairs of rows, of those that take part, whose hashes differ in at most `bits` bits, by any of their forms if they
 * have several; each once, the lower row first.
 */
export async function* hashPairs(
  facts: Facts,
  takesPart: Uint8Array,
  bits: number,
): AsyncGenerator<HashPairs> {
  const { hashes, hasHash, forms } = facts
  const rows = Int32Array.from(takesPart.keys()).filter(
    (row) => takesPart[row] === 1 && hasHash[row] === 1,
  )
  const plain = { rows, words: wordsOf(hashes, rows, 2) }
  const turned = forms.length > 0 && {
    rows: Int32Array.from({ length: formCount * rows.length }, (_, code) => code),
    words: wordsOf(forms, rows, 2 * formCount),
  }
  for (const found of turned ? hammingPairs(bits, turned, plain) : hammingPairs(bits, plain)) {
    const {
      first,
      second,
      distances: hamming,
    } = turned ? ofRows(found, { facts, rows, bits }) : found
    yield { first, second, hamming, distances: new Float64Array(hamming.length).fill(Number.NaN) }
    // The search is a loop of milliseconds: timers and I/O have a turn between.
    await new Promise(setImmediate)
  }
}

/** The bits in which the hashes of two rows differ: of all forms of either with the other, the least; 65 without two hashes. */
export function hashDistance({ hashes, hasHash, forms }: Facts, a: number, b: number): number {
  if (hasHash[a] !== 1 || hasHash[b] !== 1) return noHamming
  if (forms.length === 0) return wordsApart(hashes, 2 * a, 2 * b)
  return Math.min(formsApart(forms, a, b), formsApart(forms, b, a))
}

/** Pairs of forms (numbered row by row among `rows`) and rows, as pairs of rows. Several forms of either may show one. */
function ofRows(
  { first: codes, second: others }: HammingPairs,
  {
    facts,
    rows,
    bits,
  }: { readonly facts: Facts; readonly rows: Int32Array; readonly bits: number },
): HammingPairs {
  const { forms } = facts
  const found: [first: number, second: number][] = []
  for (const [i, code] of codes.entries()) {
    const form = code % formCount
    const row = rows[Math.floor(code / formCount)] ?? 0
    const other = others[i] ?? 0
    if (row === other || formsApart(forms, row, other, form) <= bits) continue
    // Of the two rows the lower shows it, unless only the higher can.
    if (row < other) found.push([row, other])
    else if (formsApart(forms, other, row) > bits) found.push([other, row])
  }
  return {
    first: Int32Array.from(found, ([a]) => a),
    second: Int32Array.from(found, ([, b]) => b),
    distances: Uint8Array.from(found, ([a, b]) => hashDistance(facts, a, b)),
  }
}

/** The least distance of the forms of a row, or of the first so many, to the other row as it is. */
function formsApart(forms: Uint32Array, row: number, other: number, count = formCount): number {
  let least = noHamming
  for (let form = 0; form < count; form++) {
    const at = 2 * (formCount * row + form)
    least = Math.min(least, wordsApart(forms, at, 2 * formCount * other))
  }
  return least
}

function wordsApart(words: Uint32Array, a: number, b: number): number {
  return bitCount((words[a] ?? 0) ^ (words[b] ?? 0), (words[a + 1] ?? 0) ^ (words[b + 1] ?? 0))
}

/** The words of some rows, `each` of them for a row. */
function wordsOf(words: Uint32Array, rows: Int32Array, each: number): Uint32Array {
  const out = new Uint32Array(each * rows.length)
  for (const [i, row] of rows.entries())
    out.set(words.subarray(each * row, each * (row + 1)), each * i)
  return out
}
