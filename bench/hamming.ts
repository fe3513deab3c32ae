/**
 * Near pairs among perceptual hashes: multi-index hashing, and plain loops on a sample.
 *
 * Run: npx jiti bench/hamming.ts [hashes] [radius]
 *
 * Random hashes of 64 bits, and for each thousandth a copy with 0 to `radius` + 2 bits turned over. Looks whether all
 * planted pairs within the radius were found, and holds 1,000 hashes against all by plain loops: the same pairs.
 */
import { hammingPairs } from '../src/models/hamming-index.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const radius = Number(process.argv[3] ?? 6)
const sample = Math.min(1000, count)

let state = 1
function word(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  let x = state
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}

const bitsOf = Uint8Array.from(
  { length: 2 ** 16 },
  (_, i) => i.toString(2).replaceAll('0', '').length,
)

const words = Uint32Array.from({ length: 2 * count }, word)
const rows = Int32Array.from({ length: count }, (_, row) => row)
const planted: [first: number, second: number][] = []
for (let row = 1000; row < count; row += 1000) {
  const of = word() % row
  words.set([words[2 * of] ?? 0, words[2 * of + 1] ?? 0], 2 * row)
  const bits = new Set(Array.from({ length: word() % (radius + 3) }, () => word() % 64))
  for (const bit of bits)
    words[2 * row + (bit >> 5)] = (words[2 * row + (bit >> 5)] ?? 0) ^ (1 << (bit & 31))
  if (distance(of, row) <= radius) planted.push([of, row])
}

function bitCount(x: number): number {
  return (bitsOf[x >>> 16] ?? 0) + (bitsOf[x & 0xffff] ?? 0)
}

function distance(a: number, b: number): number {
  const high = (words[2 * a] ?? 0) ^ (words[2 * b] ?? 0)
  return bitCount(high) + bitCount((words[2 * a + 1] ?? 0) ^ (words[2 * b + 1] ?? 0))
}

const from = performance.now()
const found = new Set<string>()
let ofSample = 0
let longest = 0
let turn = from
for (const { first, second } of hammingPairs(radius, { words, rows })) {
  for (const [i, a] of first.entries()) {
    const b = second[i] ?? 0
    found.add(`${String(a)} ${String(b)}`)
    if (a < sample) ofSample++
  }
  const now = performance.now()
  longest = Math.max(longest, now - turn)
  turn = now
}
const seconds = (performance.now() - from) / 1000

/** The pairs of the first hashes with all that follow them. */
function byLoops(): string[] {
  const pairs: string[] = []
  for (let a = 0; a < sample; a++)
    for (let b = a + 1; b < count; b++)
      if (distance(a, b) <= radius) pairs.push(`${String(a)} ${String(b)}`)
  return pairs
}

const loopFrom = performance.now()
const looped = byLoops()
const missed = looped.filter((pair) => !found.has(pair)).length
const loop = (performance.now() - loopFrom) / 1000

const lost = planted.filter(([a, b]) => !found.has(`${String(a)} ${String(b)}`)).length
console.log(`${String(count)} hashes, radius ${String(radius)}: ${String(found.size)} pairs`)
console.log(`multi-index ${seconds.toFixed(1)} s, longest turn ${longest.toFixed(0)} ms`)
console.log(
  `plain loops ${loop.toFixed(1)} s for the pairs of ${String(sample)}, so about ${((loop / sample) * (count / 2)).toFixed(0)} s for all`,
)
console.log(`planted pairs found: ${String(planted.length - lost)} of ${String(planted.length)}`)
console.log(
  `pairs of the sample: ${String(ofSample)}, by plain loops ${String(looped.length)}, missed ${String(missed)}`,
)
