import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lanczos } from '../../../src/kernels/lanczos.ts'

interface Case {
  readonly width: number
  readonly height: number
  readonly to: readonly [number, number]
  readonly values: string
}

const fixture = new URL('../../fixtures/hashes/lanczos.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: readonly Case[] }

describe('lanczos', () => {
  // Pillow 9.4; see test/fixtures/hashes/README.md.
  it.each(cases)('equals Pillow: $width × $height to $to', ({ width, height, to, values }) => {
    const data = Uint8Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      return (3 * x * x + 5 * y * y + 7 * x * y) % 256
    })
    const out = lanczos({ data, width, height }, ...to)
    expect([out.width, out.height]).toEqual(to)
    expect(Buffer.from(out.data).toString('base64')).toBe(values)
  })

  it('leaves a plane of the size alone', () => {
    const plane = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), width: 3, height: 2 }
    expect(lanczos(plane, 3, 2)).toBe(plane)
  })
})
