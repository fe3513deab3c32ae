/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices stay within 9 × 9 */
import { lanczos, type Plane } from './lanczos.ts'
import { bitsWhere, type Forms, formsOf } from './hash-forms.ts'

const side = 9

/**
 * The difference hash of a gray picture, in the forms asked for (8 bytes each); null if a side is below 9 pixels.
 *
 * The picture is resized to 9 × 9 by {@link lanczos}; in each of the first 8 rows a bit tells whether a value is above the
 * one right of it. The forms of the turned and mirrored picture are those of the reduced one: see {@link dctHash}.
 *
 * @see Krawetz, "Kind of like that", 2013; the `dhash` of DataEval 1.0
 */
export function differenceHash(gray: Plane, forms: Forms = 'plain'): Uint8Array | null {
  if (Math.min(gray.width, gray.height) < side) return null
  const { data } = lanczos(gray, side, side)
  return formsOf(forms, ({ swapped, flippedDown, flippedAcross }) => {
    function at(y: number, x: number): number {
      const row = flippedDown ? side - 1 - y : y
      const column = flippedAcross ? side - 1 - x : x
      return data[swapped ? column * side + row : row * side + column]!
    }
    return bitsWhere((i) => at(i >> 3, i & 7) > at(i >> 3, (i & 7) + 1))
  })
}
