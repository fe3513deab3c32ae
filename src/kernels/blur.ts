import type { Pixels } from './pixels.ts'

/** The kernel reaches to so many standard deviations; what lies beyond is less than 1 part in 10,000. */
const reach = 4

/**
 * The half from 0 on of a Gaussian kernel, cut at {@link reach} and scaled so that the whole sums to 1.
 *
 * @see https://en.wikipedia.org/wiki/Gaussian_blur
 */
export function gaussianKernel(sigma: number): Float64Array {
  const radius = Math.floor(reach * sigma + 0.5)
  const half = Float64Array.from({ length: radius + 1 }, (_, i) =>
    i === 0 ? 1 : Math.exp(-(i * i) / (2 * sigma * sigma)),
  )
  const sum = 2 * half.reduce((a, b) => a + b) - 1
  return half.map((weight) => weight / sum)
}

/**
 * The picture convolved with a symmetric kernel, given by its half from 0 on, in both directions, rounded
 * to nearest. Beyond the border the picture is mirrored, the outermost pixel not repeated.
 *
 * Cost: kernel length · 6 multiplications per pixel. Memory: one line of float64 beside the result.
 */
export function blurred({ data, width, height }: Pixels, kernel: Float64Array): Pixels {
  const radius = kernel.length - 1
  const out = new Uint8Array(data.length)
  const line = new Float64Array(3 * (width + 2 * radius))
  const within = line.subarray(3 * radius, 3 * (radius + width))
  for (let y = 0; y < height; y++) {
    within.fill(0)
    for (let i = -radius; i <= radius; i++) {
      const row = mirrored(y + i, height)
      const weight = kernel[Math.abs(i)] as number
      addRow(within, data.subarray(3 * width * row, 3 * width * (row + 1)), weight)
    }
    for (let x = 1; x <= radius; x++) {
      copyPixel(within, mirrored(-x, width), line, radius - x)
      copyPixel(within, mirrored(width - 1 + x, width), line, radius + width - 1 + x)
    }
    convolve(line, kernel, out.subarray(3 * width * y, 3 * width * (y + 1)))
  }
  return { data: out, width, height }
}

/** The place between 0 and `size − 1` that `at` shows in mirrors behind the first and the last. */
function mirrored(at: number, size: number): number {
  const period = Math.max(1, 2 * (size - 1))
  const place = ((at % period) + period) % period
  return Math.min(place, period - place) % size
}

function addRow(sum: Float64Array, row: Uint8Array, weight: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (row[i] as number)
}

function copyPixel(from: Float64Array, at: number, to: Float64Array, place: number): void {
  to.set(from.subarray(3 * at, 3 * at + 3), 3 * place)
}

/** `line` has as many pixels more than `out`, on each side, as the kernel reaches. */
function convolve(line: Float64Array, kernel: Float64Array, out: Uint8Array): void {
  const radius = kernel.length - 1
  for (let i = 0; i < out.length; i++) {
    const at = i + 3 * radius
    let sum = (kernel[0] as number) * (line[at] as number)
    for (let k = 1; k <= radius; k++)
      sum += (kernel[k] as number) * ((line[at - 3 * k] as number) + (line[at + 3 * k] as number))
    out[i] = sum + 0.5
  }
}
