/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number]

const white: Colour = [255, 255, 255]
const black: Colour = [0, 0, 0]

/** From this mean luma on, visible pixels are less than half as far from white as from black. */
const lightLuma = 170

/**
 * The RGB picture that RGBA pixels show over a background: a colour, or `contrast` for white,
 * or black where the visible pixels (weighted by alpha) are light on the mean, so that white
 * line drawings do not vanish. Rounds to nearest.
 */
export function overBackground(rgba: Uint8Array, background: Colour | 'contrast'): Uint8Array {
  const below = background === 'contrast' ? contrasting(rgba) : background
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  const [red, green, blue] = below
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3] as number
    const rest = 255 - alpha
    rgb[to] = ((rgba[from] as number) * alpha + red * rest + 127) / 255
    rgb[to + 1] = ((rgba[from + 1] as number) * alpha + green * rest + 127) / 255
    rgb[to + 2] = ((rgba[from + 2] as number) * alpha + blue * rest + 127) / 255
  }
  return rgb
}

/** White, unless it would hide the picture. Luma as in ITU-R BT.601. */
function contrasting(rgba: Uint8Array): Colour {
  let luma = 0
  let weight = 0
  for (let at = 0; at < rgba.length; at += 4) {
    const alpha = rgba[at + 3] as number
    const red = rgba[at] as number
    const green = rgba[at + 1] as number
    const blue = rgba[at + 2] as number
    luma += alpha * (0.299 * red + 0.587 * green + 0.114 * blue)
    weight += alpha
  }
  return luma > lightLuma * weight ? black : white
}
