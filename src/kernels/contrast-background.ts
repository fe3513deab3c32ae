/** White is kept while the visible pixels differ from it by at least this on average (of 0..255). */
const leastContrast = 32

/**
 * The gray over which a transparent picture is composed: 255 (white), or 0 (black) for a picture
 * that would vanish on white.
 *
 * The contrast of white is 255 − the mean luma of the pixels, each weighted by its alpha; below 32,
 * an eighth of the range, black is taken. White wins otherwise, since it is what most programs
 * flatten to, so that a flattened copy looks like its transparent original.
 * A picture without a visible pixel is composed over white.
 *
 * `rgba` has four values of 0..255 per pixel, alpha not premultiplied.
 */
export function contrastBackground(rgba: Uint8Array): 0 | 255 {
  let weight = 0
  let sum = 0
  for (let at = 0; at < rgba.length; at += 4) {
    const alpha = rgba[at + 3] ?? 0
    const r = rgba[at] ?? 0
    const g = rgba[at + 1] ?? 0
    const b = rgba[at + 2] ?? 0
    weight += alpha
    sum += alpha * (0.299 * r + 0.587 * g + 0.114 * b)
  }
  return weight > 0 && 255 - sum / weight < leastContrast ? 0 : 255
}
