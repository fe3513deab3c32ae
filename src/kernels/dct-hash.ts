/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within 8 × 8 and n × n */
import { lanczos, type Plane } from './lanczos.ts'
import { bitsWhere, type Forms, formsOf } from './hash-forms.ts'

/** Sides that are too small for a hash. */
const leastSide = 9
const kept = 8
/** A coefficient as near to the median as rounding (1e-13 of the mean) could have put it is not above it. */
const rounding = 1e-10

/**
 * The DCT hash of a gray picture, in the forms asked for (8 bytes each); null if a side is below 9 pixels.
 *
 * The picture is resized to n × n by {@link lanczos}, n = 8 · min(⌊(shorter side − 1) / 8⌋, 4). A bit tells whether one of
 * the 8 × 8 lowest coefficients of its DCT-II, the mean among them, is above the median of these; rows of equal vertical
 * frequency, first bit highest. A difference of less than 1e-10 of the mean counts as none: so the bits of constant,
 * chequered and separable pictures, whose coefficients are 0 but for rounding, are the same on every machine.
 *
 * The forms of the turned and mirrored picture are those of the reduced one, whose coefficients they exchange
 * and negate. Pillow rounds between its two passes, so a value of a picture that was turned before it is reduced may
 * differ by 1, and with it a bit near the median.
 *
 * @see Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010; the `pchash` of DataEval
 */
export function dctHash(gray: Plane, forms: Forms = 'plain'): Uint8Array | null {
  const shorter = Math.min(gray.width, gray.height)
  if (shorter < leastSide) return null
  const side = kept * Math.min(Math.floor((shorter - 1) / kept), 4)
  const coefficients = lowest(lanczos(gray, side, side).data, side)
  return formsOf(forms, ({ swapped, flippedDown, flippedAcross }) => {
    const turned = new Float64Array(kept * kept)
    for (let v = 0; v < kept; v++)
      for (let u = 0; u < kept; u++) {
        const value = coefficients[swapped ? u * kept + v : v * kept + u]!
        const negative = (flippedDown && v % 2 === 1) !== (flippedAcross && u % 2 === 1)
        turned[v * kept + u] = negative ? -value : value
      }
    const median = medianOf(turned)
    const least = median + rounding * Math.abs(turned[0]!)
    return bitsWhere((i) => turned[i]! > least)
  })
}

const bases = new Map<number, Float64Array>()

/** `basis[u * side + x]` = cos(π (2x + 1) u / 2 side). */
function basisOf(side: number): Float64Array {
  const found = bases.get(side)
  if (found) return found
  const basis = Float64Array.from({ length: kept * side }, (_, i) =>
    Math.cos((Math.PI * (2 * (i % side) + 1) * Math.floor(i / side)) / (2 * side)),
  )
  bases.set(side, basis)
  return basis
}

/** The 8 × 8 lowest coefficients of the DCT-II, vertical frequency first, not normalized. */
function lowest(values: Uint8Array, side: number): Float64Array {
  const basis = basisOf(side)
  const lines = new Float64Array(kept * side)
  for (let v = 0; v < kept; v++)
    for (let y = 0; y < side; y++) {
      const weight = basis[v * side + y]!
      for (let x = 0; x < side; x++) lines[v * side + x]! += weight * values[y * side + x]!
    }
  const out = new Float64Array(kept * kept)
  for (let v = 0; v < kept; v++)
    for (let u = 0; u < kept; u++) {
      let sum = 0
      for (let x = 0; x < side; x++) sum += lines[v * side + x]! * basis[u * side + x]!
      out[v * kept + u] = sum
    }
  return out
}

function medianOf(values: Float64Array): number {
  const sorted = values.slice().sort()
  return (sorted[31]! + sorted[32]!) / 2
}
