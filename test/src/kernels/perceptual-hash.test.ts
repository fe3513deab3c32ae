import { describe, expect, it } from 'vitest'
import { mirrored, perceptualHash, type Pixels } from '../../../src/kernels/perceptual-hash.ts'

/** A gray picture from a function of x and y, both 0..1. */
function gray(width: number, height: number, luma: (x: number, y: number) => number): Pixels {
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data[y * width + x] = Math.round(luma((x + 0.5) / width, (y + 0.5) / height))
  return { data, width, height, channels: 1 }
}

/** A picture without symmetry: a sum of waves. */
function waves(x: number, y: number): number {
  const sum = Math.sin(3 * x + 5 * y) + Math.sin(7 * x * y + 1) + Math.cos(9 * x - 4 * y * y)
  return 128 + 40 * sum
}

function hamming(a: Uint8Array | null, b: Uint8Array | null): number {
  if (!a || !b) return Number.NaN
  return a.reduce((sum, byte, i) => sum + bitCount(byte ^ (b[i] ?? 0)), 0)
}

function bitCount(byte: number): number {
  return byte === 0 ? 0 : (byte & 1) + bitCount(byte >> 1)
}

/** A picture with all frequencies: a chequer of uneven grays. */
function chequer(x: number, y: number): number {
  const cell = Math.floor(14 * x) * 31 + Math.floor(14 * y) * 57
  return (cell * cell * 7919) % 256
}

describe('perceptualHash', () => {
  it('sets the bit of each positive coefficient', () => {
    const wave = (u: number, v: number) => (x: number, y: number) =>
      128 + 100 * Math.cos(Math.PI * v * x) * Math.cos(Math.PI * u * y)
    expect(perceptualHash(gray(64, 64, wave(1, 1)))).toEqual(
      Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0),
    )
    expect(perceptualHash(gray(64, 96, wave(3, 2)))).toEqual(
      Uint8Array.of(0, 0, 0x40, 0, 0, 0, 0, 0),
    )
    expect(perceptualHash(gray(64, 64, wave(8, 8)))).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))
  })

  it('is null for a constant, an empty and a nearly constant picture', () => {
    expect(perceptualHash(gray(40, 40, () => 255))).toBeNull()
    expect(perceptualHash(gray(0, 0, () => 0))).toBeNull()
    expect(perceptualHash(gray(40, 40, (x) => 128 + 5 * Math.sin(20 * x)))).toBeNull()
    expect(perceptualHash(gray(40, 40, (x) => 128 + 7 * Math.sin(20 * x)))).not.toBeNull()
  })

  it('stays within 2 bits under another size, shape, brightness and contrast', () => {
    const hash = perceptualHash(gray(224, 224, waves))
    for (const other of [
      gray(100, 100, waves),
      gray(320, 97, waves),
      gray(31, 33, waves),
      gray(224, 224, (x, y) => 0.6 * waves(x, y)),
      gray(224, 224, (x, y) => 0.5 * waves(x, y) + 90),
    ])
      expect(hamming(perceptualHash(other), hash)).toBeLessThanOrEqual(2)
  })

  it('differs in about half of the bits between different pictures', () => {
    const other = gray(224, 224, (x, y) => 128 + 50 * (Math.sin(11 * x + y) + Math.cos(8 * y - x)))
    const distance = hamming(perceptualHash(gray(224, 224, waves)), perceptualHash(other))
    expect(distance).toBeGreaterThan(16)
  })

  it('takes the luma of RGB', () => {
    const one = gray(50, 50, waves)
    const data = new Uint8Array(one.data.length * 3)
    for (const [i, v] of one.data.entries()) data.fill(v, 3 * i, 3 * i + 3)
    expect(perceptualHash({ ...one, data, channels: 3 })).toEqual(perceptualHash(one))
    const red = gray(50, 50, () => 0)
    const green = new Uint8Array(one.data.length * 3)
    for (const [i, v] of one.data.entries()) green[3 * i + 1] = v
    expect(hamming(perceptualHash({ ...red, data: green, channels: 3 }), perceptualHash(one))).toBe(
      0,
    )
  })
})

describe('mirrored', () => {
  it('is close to the hash of the mirrored picture', () => {
    const hash = perceptualHash(gray(224, 224, chequer))
    const flipped = perceptualHash(gray(224, 224, (x, y) => chequer(1 - x, y)))
    expect(hash && hamming(mirrored(hash), flipped)).toBeLessThanOrEqual(4)
    expect(hamming(hash, flipped)).toBeGreaterThan(16)
  })

  it('is its own inverse', () => {
    const hash = Uint8Array.of(1, 2, 3, 4, 250, 6, 7, 255)
    expect(mirrored(mirrored(hash))).toEqual(hash)
  })
})
