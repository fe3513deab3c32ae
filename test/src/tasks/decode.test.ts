import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { builtFile } from '../../../src/package.ts'

function chunk(type: string, data: Uint8Array): Buffer {
  const content = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, sum])
}

function png(side: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(side)
  head.writeUInt32BE(side, 4)
  head.set([8, 2], 8)
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  const body = chunk('IDAT', deflateSync(data))
  return Buffer.concat([signature, chunk('IHDR', head), body, chunk('IEND', new Uint8Array())])
}

/** One frame of 1 × 1 pixels, or said to be larger. */
function gif(side = 1): Buffer {
  const screen = [0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 9, 9, 9]
  const frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]
  const bytes = Buffer.from([...screen, ...frame, 0x3b])
  bytes.writeUInt16LE(side, 24)
  bytes.writeUInt16LE(side, 26)
  return bytes
}

const secret = '<image xmlns="http://www.w3.org/2000/svg" href="file:///etc/hostname"/>'
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${secret}</svg>`

const cases = [
  {
    name: 'a PNG of 50,000 × 50,000 zeros',
    bytes: () => png(50_000, new Uint8Array(150_001 * 500)),
    says: 'TOO_LARGE: Expected at most 100000000 pixels, got 50000 × 50000',
  },
  {
    name: 'a GIF whose frame is far larger than its screen',
    bytes: () => gif(65_535),
    says: 'TOO_LARGE: Expected at most 100000000 pixels, got 65535 × 65535',
  },
  {
    name: 'a GIF of 100,000 frames, of which the first is read',
    bytes: () => {
      const whole = gif()
      const frame = whole.subarray(19, -1)
      const frames = Array<Buffer>(100_000).fill(frame)
      return Buffer.concat([whole.subarray(0, 19), ...frames, whole.subarray(-1)])
    },
    says: '1 × 1',
  },
  {
    name: 'a PNG with texts that inflate to 200 MB',
    bytes: () => {
      const whole = png(1, new Uint8Array(4))
      const text = Buffer.concat([Buffer.from('x\0\0'), deflateSync(new Uint8Array(200e6))])
      return Buffer.concat([whole.subarray(0, 33), chunk('zTXt', text), whole.subarray(33)])
    },
    says: '1 × 1',
  },
  {
    name: 'a TIFF whose tags say that they have 4 GB',
    bytes: () => {
      const bytes = Buffer.alloc(8 + 2 + 24 + 4)
      bytes.write('II*\0')
      bytes.writeUInt32LE(8, 4)
      bytes.writeUInt16LE(2, 8)
      for (const [at, tag] of [
        [10, 700],
        [22, 34_377],
      ] as const) {
        bytes.writeUInt16LE(tag, at)
        bytes.writeUInt16LE(1, at + 2)
        bytes.writeUInt32LE(2 ** 32 - 1, at + 4)
      }
      return bytes
    },
    says: 'DAMAGED: Expected a whole TIFF picture, got one that is cut or damaged',
  },
  {
    name: 'SVG under another name',
    bytes: () => Buffer.from(svg),
    says: 'FORMAT: Expected a JPEG, PNG, WebP, GIF, TIFF or AVIF picture, got bytes of none of them',
  },
  ...(
    [
      ['GIF', 'GIF89a'],
      ['TIFF', 'II*\0'],
      ['AVIF', '\0\0\0\x20ftypheic\0\0\0\0avif'],
      ['PNG', '\x89PNG\r\n\x1a\n'],
    ] as const
  ).map(([format, start]) => ({
    name: `SVG that begins like ${format}`,
    bytes: () => Buffer.from(start + svg, 'latin1'),
    says: `DAMAGED: Expected a whole ${format} picture, got one that is cut or damaged`,
  })),
]

/** Decodes a file, and then tries SVG; says what became of both, and its largest memory in MB. */
const script = `
const [file, task, sharp] = process.argv.slice(1)
const { start } = await import(task)
const { readFileSync } = await import('node:fs')
const { run } = start({ column: 'image', background: 'contrast', limitPixels: 100_000_000 })
const says = await run({ image: readFileSync(file) }, () => undefined).then(
  ({ width, height }) => width + ' × ' + height,
  (error) => error.code + ': ' + error.message,
)
const after = await (await import(sharp)).default(Buffer.from(${JSON.stringify(svg)})).metadata().then(
  () => 'reads SVG',
  () => 'reads no SVG',
)
// What resourceUsage() tells begins with what the process that started this one had.
const [, kilobytes] = /^VmHWM:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))
console.log(JSON.stringify({ says, after, megabytes: Number(kilobytes) / 1000 }))
`

describe('the decode task in a process of its own', () => {
  it.each(cases)('stays small with $name', ({ bytes, says }) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bomb-'))
    try {
      const file = join(folder, 'picture')
      writeFileSync(file, bytes())
      const task = pathToFileURL(builtFile('src', 'tasks', 'decode.js')).href
      const given = [file, task, import.meta.resolve('sharp')]
      const out = execFileSync(
        process.execPath,
        ['--input-type=module', '-e', script, '--', ...given],
        { encoding: 'utf8', timeout: 60_000 },
      )
      const found = JSON.parse(out) as { says: string; after: string; megabytes: number }
      expect(found).toMatchObject({ says, after: 'reads no SVG' })
      expect(found.megabytes).toBeLessThan(200)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
