import { contrastBackground } from './contrast-background.ts'

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number]

/** The RGB picture that RGBA pixels show over a background: a colour, or {@link contrastBackground}. Rounds to nearest. */
export function overBackground(rgba: Uint8Array, background: Colour | 'contrast'): Uint8Array {
  const [red, green, blue] = background === 'contrast' ? gray(contrastBackground(rgba)) : background
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3] as number
    const rest = 255 - alpha
    rgb[to] = ((rgba[from] as number) * alpha + red * rest + 127) / 255
    rgb[to + 1] = ((rgba[from + 1] as number) * alpha + green * rest + 127) / 255
    rgb[to + 2] = ((rgba[from + 2] as number) * alpha + blue * rest + 127) / 255
  }
  return rgb
}

function gray(value: number): Colour {
  return [value, value, value]
}
