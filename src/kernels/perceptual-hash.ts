import { bitsWhere, type Forms, formsOf } from './hash-forms.ts'

/** Pixels of one picture, row after row, channels last. */
export interface Pixels {
  /** `width * height * channels` values of 0..255. */
  readonly data: Uint8Array
  /** Pixels per row. */
  readonly width: number
  /** Rows. */
  readonly height: number
  /** 1 for gray, 3 for RGB. */
  readonly channels: 1 | 3
}

/** Cells per side of the reduced picture. */
const side = 32
/** Frequencies kept per direction: 1 to 8. The mean and the pure edges (frequency 0) are left out. */
const kept = 8
/** A picture whose reduced luma varies less than this (standard deviation of 0..255) has no hash. */
const leastDeviation = 4
/** Coefficients within this share of their root mean square count as zero: noise would flip them. */
const deadZone = 0.05

/** `basis[u * side + x]` = cos(π (2x + 1) (u + 1) / 64): the DCT-II of the frequencies kept. */
const basis = Float64Array.from({ length: kept * side }, (_, i) =>
  Math.cos((Math.PI * (2 * (i % side) + 1) * (Math.floor(i / side) + 1)) / (2 * side)),
)

/**
 * The perceptual hash of a picture, in the forms asked for (8 bytes each); null if the picture is nearly constant.
 *
 * The luma (Rec. 601) is averaged over 32 × 32 equal cells, whatever the size and shape of the
 * picture; a bit tells whether one of the 64 DCT coefficients of frequency 1..8 in both directions
 * is positive. Byte `u` has vertical frequency `u + 1`, its highest bit horizontal frequency 1.
 * Since mirroring turns the sign of odd frequencies, the hash of the mirrored picture is known from
 * the hash itself: see {@link mirrored}.
 *
 * Cost: one pass over the pixels. Bits differ with the decoder and the resizing kernel: hashes
 * compare only when made by one recipe.
 */
export function perceptualHash(pixels: Pixels, forms: Forms = 'plain'): Uint8Array | null {
  const cells = cellMeans(pixels)
  if (deviation(cells) < leastDeviation) return null
  const coefficients = transform(cells)
  const rms = Math.sqrt(coefficients.reduce((sum, c) => sum + c * c, 0) / coefficients.length)
  return formsOf(forms, ({ swapped, flippedDown, flippedAcross }) =>
    bitsWhere((i) => {
      const [v, u] = [i >> 3, i & 7]
      const c = value(coefficients, swapped ? u * kept + v : i)
      // The first frequency is 1: that of an even place is odd.
      const negative = (flippedDown && v % 2 === 0) !== (flippedAcross && u % 2 === 0)
      return (negative ? -c : c) > deadZone * rms
    }),
  )
}

/**
 * The hash of the picture seen in a mirror (left and right exchanged), up to coefficients near zero.
 */
export function mirrored(hash: Uint8Array): Uint8Array {
  return hash.map((byte) => byte ^ 0xaa)
}

/** Mean luma of each cell; a pixel on a border counts for each cell by the area it covers. */
function cellMeans({ data, width, height, channels }: Pixels): Float64Array {
  const across = overlaps(width)
  const down = overlaps(height)
  const cells = new Float64Array(side * side)
  const line = new Float64Array(side)
  for (let y = 0; y < height; y++) {
    line.fill(0)
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * channels
      addShares(line, across, x, channels === 1 ? value(data, at) : lumaAt(data, at))
    }
    for (let i = value(down.starts, y); i < value(down.starts, y + 1); i++) {
      const row = value(down.cells, i) * side
      const weight = value(down.weights, i)
      for (let x = 0; x < side; x++)
        cells[row + x] = value(cells, row + x) + weight * value(line, x)
    }
  }
  return cells
}

function addShares(line: Float64Array, shares: Overlaps, pixel: number, luma: number): void {
  const end = value(shares.starts, pixel + 1)
  for (let i = value(shares.starts, pixel); i < end; i++) {
    const cell = value(shares.cells, i)
    line[cell] = value(line, cell) + value(shares.weights, i) * luma
  }
}

/** For each pixel the cells it overlaps, from `starts[pixel]` on, with the share of the cell that it covers. */
interface Overlaps {
  readonly starts: Int32Array
  readonly cells: Int32Array
  readonly weights: Float64Array
}

function overlaps(size: number): Overlaps {
  const starts = new Int32Array(size + 1)
  const cells: number[] = []
  const weights: number[] = []
  for (let pixel = 0; pixel < size; pixel++) {
    const from = (pixel * side) / size
    const to = ((pixel + 1) * side) / size
    for (let cell = Math.floor(from); cell < Math.min(side, Math.ceil(to)); cell++) {
      cells.push(cell)
      weights.push(Math.min(to, cell + 1) - Math.max(from, cell))
    }
    starts[pixel + 1] = cells.length
  }
  return { starts, cells: Int32Array.from(cells), weights: Float64Array.from(weights) }
}

function lumaAt(data: Uint8Array, at: number): number {
  return 0.299 * value(data, at) + 0.587 * value(data, at + 1) + 0.114 * value(data, at + 2)
}

function deviation(cells: Float64Array): number {
  const mean = cells.reduce((sum, c) => sum + c, 0) / cells.length
  return Math.sqrt(cells.reduce((sum, c) => sum + (c - mean) ** 2, 0) / cells.length)
}

/** The 8 × 8 coefficients, vertical frequency first. */
function transform(cells: Float64Array): Float64Array {
  const half = new Float64Array(kept * side)
  for (let u = 0; u < kept; u++)
    for (let x = 0; x < side; x++) {
      let sum = 0
      for (let y = 0; y < side; y++) sum += value(basis, u * side + y) * value(cells, y * side + x)
      half[u * side + x] = sum
    }
  const out = new Float64Array(kept * kept)
  for (let u = 0; u < kept; u++)
    for (let v = 0; v < kept; v++) {
      let sum = 0
      for (let x = 0; x < side; x++) sum += value(half, u * side + x) * value(basis, v * side + x)
      out[u * kept + v] = sum
    }
  return out
}

function value(values: Uint8Array | Int32Array | Float64Array, at: number): number {
  return values[at] ?? 0
}
