import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dctHash } from '../../../src/kernels/dct-hash.ts'
import { differenceHash } from '../../../src/kernels/difference-hash.ts'
import { grayPlane } from '../../../src/kernels/gray-plane.ts'
import type { Plane } from '../../../src/kernels/lanczos.ts'
import type { Pixels } from '../../../src/kernels/pixels.ts'
import { perceptualHash } from '../../../src/kernels/perceptual-hash.ts'

interface Hashes {
  readonly pchash: string
  readonly phash: string
  readonly dhash: string
  readonly phash_d4: string
  readonly dhash_d4: string
}

const fixture = new URL('../../fixtures/hashes/dataeval.json', import.meta.url)
const goldens = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, Hashes>

type Formula = (c: number, y: number, x: number) => number

/** The pictures of the fixture: height, width, channels, the formula, and the largest value of its range. */
const pictures: Readonly<Record<string, readonly [number, number, number, Formula, number]>> = {
  grad16: [16, 16, 1, (_, y, x) => (x * 16 + y) & 255, 255],
  rgb_mod: [32, 48, 3, (c, y, x) => (x * 5 + y * 3 + c * 40) % 256, 255],
  rgb_quad: [64, 64, 3, (c, y, x) => ((x * x + y * y) * (c + 1)) % 256, 255],
  const20: [28, 28, 1, () => 20, 255],
  u16: [40, 40, 1, (_, y, x) => (x * y * 37) % 65_536, 65_535],
  float01: [20, 24, 3, (c, y, x) => (x + y * (c + 1)) / 80, 1],
  tiny8: [8, 8, 3, (c, y, x) => (x * 30 + y * 2 + c) % 256, 255],
}

/** Gray values in 0..255 of the mean of the channels, or as weighted. */
function planeOf(name: string, weights?: readonly number[]): Plane {
  const [height, width, channels, formula, top] = pictures[name] ?? [0, 0, 0, () => 0, 1]
  // Weighted values of 16 bits are cut off at 255, as DataEval does; means are scaled.
  const scale = weights && top > 255 ? 1 : 255 / top
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const values = Array.from({ length: channels }, (_, c) =>
      formula(c, Math.floor(i / width), i % width),
    )
    const gray = weights
      ? values.reduce((sum, value, c) => sum + (weights[c] ?? 0) * value * scale, 0)
      : (values.reduce((sum, value) => sum + value, 0) / channels) * scale
    return Math.min(255, Math.trunc(gray))
  })
  return { data, width, height }
}

function pixelsOf(name: string): Pixels {
  const [height, width, , formula] = pictures[name] ?? [0, 0, 0, () => 0]
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const at = Math.floor(i / 3)
    return formula(i % 3, Math.floor(at / width), at % width)
  })
  return { data, width, height }
}

function hex(hash: Uint8Array | null): string {
  return hash ? Buffer.from(hash).toString('hex') : ''
}

/** A smooth picture without symmetry, as any of its eight forms. */
function scene(form: number): Pixels {
  const [width, height] = form & 4 ? [150, 220] : [220, 150]
  const data = new Uint8Array(3 * width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [a, b] = [form & 1 ? width - 1 - x : x, form & 2 ? height - 1 - y : y]
      const [u, v] = form & 4 ? [b, a] : [a, b]
      const wave =
        Math.sin(u / 17 + v / 41) + Math.sin((u * v) / 3000) + Math.cos(u / 60 - (v * v) / 4000)
      data.fill(128 + 40 * wave, 3 * (y * width + x), 3 * (y * width + x) + 3)
    }
  return { data, width, height }
}

function bitsApart(a: Uint8Array, b: Uint8Array): number {
  return a.reduce(
    (sum, byte, i) => sum + (byte ^ (b[i] ?? 0)).toString(2).replaceAll('0', '').length,
    0,
  )
}

describe('dctHash and differenceHash', () => {
  it.each(Object.keys(pictures))('equal those of DataEval: %s', (name) => {
    const golden = goldens[name] as Hashes
    const luma = pictures[name]?.[2] === 3 ? [0.299, 0.587, 0.114] : [1]
    const [mean, weighted] = [planeOf(name), planeOf(name, luma)]
    const pchash = golden.pchash.padStart(golden.pchash ? 16 : 0, '0')
    expect(hex(dctHash(mean))).toBe(pchash)
    expect(hex(dctHash(weighted))).toBe(golden.phash)
    expect(hex(dctHash(weighted, 'smallest'))).toBe(golden.phash_d4)
    expect(hex(differenceHash(weighted))).toBe(golden.dhash)
    expect(hex(differenceHash(weighted, 'smallest'))).toBe(golden.dhash_d4)
  })

  it.each(['rgb_mod', 'rgb_quad'])('are made of the luma or the mean of pixels: %s', (name) => {
    const golden = goldens[name] as Hashes
    expect(hex(dctHash(grayPlane(pixelsOf(name), 'mean')))).toBe(golden.pchash)
    expect(hex(dctHash(grayPlane(pixelsOf(name), 'luma')))).toBe(golden.phash)
    expect(hex(differenceHash(grayPlane(pixelsOf(name), 'luma')))).toBe(golden.dhash)
  })

  it('are made of whole gray values, cut off; of means from 0 to 1, if none is above, of 255 times these', () => {
    const values = (kind: 'luma' | 'mean', ...data: number[]): number[] => [
      ...grayPlane({ data: Uint8Array.from(data), width: data.length / 3, height: 1 }, kind).data,
    ]
    expect(values('luma', 255, 255, 255, 7, 7, 7, 1, 2, 3, 0, 0, 255)).toEqual([255, 7, 1, 29])
    expect(values('mean', 255, 255, 255, 7, 7, 7, 1, 2, 2, 0, 0, 254)).toEqual([255, 7, 1, 84])
    expect(values('mean', 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0)).toEqual([85, 170, 255, 0])
    const many = Uint8Array.from({ length: 3 * 1003 + 1 }, (_, i) => (i * i * 31 + i * 7) % 256)
    const expected = Array.from({ length: 1003 }, (_, i) => {
      const [r = 0, g = 0, b = 0] = many.subarray(3 * i + 1)
      return Math.floor((299 * r + 587 * g + 114 * b) / 1000)
    })
    // At a place in memory where no word begins, and at one where it does.
    for (const data of [many.subarray(1), many.slice(1)])
      expect([...grayPlane({ data, width: 17, height: 59 }, 'luma').data]).toEqual(expected)
    for (let gray = 0; gray < 256; gray++)
      expect(values('luma', gray, gray, gray, 255, 255, 255)).toEqual([gray, 255])
  })

  it('have no bits that rounding decides', () => {
    const flat = { data: new Uint8Array(900).fill(77), width: 30, height: 30 }
    expect(hex(dctHash(flat))).toBe('8000000000000000')
    const [data, chequer] = [new Uint8Array(1600), new Uint8Array(1600)]
    for (let i = 0; i < 1600; i++) {
      data[i] = 3 * (i % 40)
      chequer[i] = 200 * ((((i % 40) >> 1) + (Math.floor(i / 40) >> 1)) & 1)
    }
    // Varies across alone: only the first row of coefficients is not 0, and of these the odd ones are negative.
    expect(hex(dctHash({ data, width: 40, height: 40 }))).toMatch(/^80(00){7}$/)
    const turned = { data: chequer.toReversed(), width: 40, height: 40 }
    expect(hex(dctHash(turned))).toBe(hex(dctHash({ data: chequer, width: 40, height: 40 })))
  })

  it.each([
    ['cells', (p: Pixels, f: 'all' | 'smallest') => perceptualHash({ ...p, channels: 3 }, f), 0],
    ['phash', (p: Pixels, f: 'all' | 'smallest') => dctHash(grayPlane(p, 'luma'), f), 2],
    ['dhash', (p: Pixels, f: 'all' | 'smallest') => differenceHash(grayPlane(p, 'luma'), f), 2],
  ] as const)('know the turned and mirrored picture: %s', (_, hashOf, most) => {
    const all = hashOf(scene(0), 'all') as Uint8Array
    const forms = Array.from({ length: 8 }, (_, i) => all.subarray(8 * i, 8 * i + 8))
    expect(new Set(forms.map(hex)).size).toBe(8)
    for (let form = 0; form < 8; form++) {
      const whole = hashOf(scene(form), 'all') as Uint8Array
      const own = whole.subarray(0, 8)
      expect(Math.min(...forms.map((other) => bitsApart(own, other)))).toBeLessThanOrEqual(most)
      const smallest = hashOf(scene(form), 'smallest') as Uint8Array
      expect(hex(smallest)).toBe(
        Array.from({ length: 8 }, (_, i) => hex(whole.subarray(8 * i, 8 * i + 8))).sort()[0],
      )
    }
  })
})
