/**
 * What the hashes of a picture cost beside its decoding: `npx jiti bench/hashes.ts`.
 *
 * A JPEG of 500 × 375, in one thread, the best of five rounds of 60 each; sharp decodes with one thread too.
 */
import sharp from 'sharp'
import { dctHash } from '../src/kernels/dct-hash.ts'
import { differenceHash } from '../src/kernels/difference-hash.ts'
import { grayPlane } from '../src/kernels/gray-plane.ts'
import { perceptualHash } from '../src/kernels/perceptual-hash.ts'
import { start } from '../src/tasks/content-hash.ts'

sharp.concurrency(1)
sharp.cache(false)
const [width, height] = [500, 375]
let state = 7
const noise = Buffer.alloc(3 * 40 * 30)
for (let i = 0; i < noise.length; i++) noise[i] = (state = (state * 48_271) % 2_147_483_647) & 255
const jpeg = await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
  .resize(width, height, { kernel: 'cubic' })
  .jpeg({ quality: 85 })
  .toBuffer()
const data = new Uint8Array(await sharp(jpeg).raw().toBuffer())
const pixels = { data, width, height }
const gray = grayPlane(pixels, 'luma')
const room = (): Promise<void> => Promise.resolve()
const hashed = (column: string, method: 'sha256' | 'xxh3'): ReturnType<typeof start> =>
  start({ column, method, layout: 'interleaved', into: 'hash' })
const [xxh3Pixels, xxh3File, sha] = await Promise.all([
  ...[hashed('pixels', 'xxh3'), hashed('image', 'xxh3'), hashed('image', 'sha256')],
])

/** Milliseconds of processor time of one call. */
async function cost(work: () => unknown): Promise<number> {
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < 60; i++) await work()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 60_000)
  }
  return best
}

const costs = {
  'decode (sharp)': await cost(() => sharp(jpeg).raw().toBuffer()),
  'xxh3 of the file': await cost(() => xxh3File?.run({ image: jpeg }, room)),
  'sha256 of the file': await cost(() => sha?.run({ image: jpeg }, room)),
  'xxh3 of the pixels': await cost(() => xxh3Pixels?.run({ pixels }, room)),
  gray: await cost(() => grayPlane(pixels, 'luma')),
  'phash, all eight': await cost(() => dctHash(gray, 'all')),
  'dhash, all eight': await cost(() => differenceHash(gray, 'all')),
  'cells, all eight': await cost(() => perceptualHash({ ...pixels, channels: 3 }, 'all')),
}
for (const [name, ms] of Object.entries(costs))
  console.log(`${name.padEnd(20)} ${ms.toFixed(3)} ms`)
const all = [
  'xxh3 of the file',
  'xxh3 of the pixels',
  'gray',
  'phash, all eight',
  'dhash, all eight',
]
const sum = all.reduce((total, name) => total + costs[name as keyof typeof costs], 0)
console.log(
  `xxh3 of both, phash and dhash with all eight: ${sum.toFixed(2)} ms, ${(sum / costs['decode (sharp)']).toFixed(2)} decodes`,
)
