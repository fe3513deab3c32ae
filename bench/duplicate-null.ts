/**
 * Takes the tables of `src/models/duplicate-evidence.ts` again: what pairs of unrelated pictures look like.
 *
 * Run: apt-get install tuxpaint-stamps-default openclipart-png; npm run build
 *      npx jiti bench/duplicate-null.ts STAMPS_FOLDER OPENCLIPART_FOLDER
 *
 * It takes every picture that is not left out below, where the committed tables are of a sample of
 * 1,992; it cannot see which of the nearest pairs are one picture after all: look at the list it prints.
 */
import { basename, extname } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { fromFiles } from '../connectors/from-files.ts'
import { decode } from '../operators/decode.ts'
import { infer } from '../operators/infer.ts'
import { perceptualHash } from '../operators/perceptual-hash.ts'
import { resize } from '../operators/resize.ts'
import { column } from '../src/batch/batch.ts'
import { Control } from '../src/flow/control.ts'
import { flowOf } from '../src/flow/flow.ts'
import { unitRows } from '../src/kernels/distance.ts'
import { hammingDistance } from '../src/kernels/near-pairs.ts'
import { DuplicateEvidence } from '../src/models/duplicate-evidence.ts'
import { tensorValues } from '../src/batch/tensor.ts'

const fromOneTemplate =
  /(^|\/)(shapes|computer|signs_and_symbols|special|geography|buttons|logos|decorations|transportation|games|religion|stickmen|smil[^/]*|duplicates|symbols)\//
const columns = 1792

interface Picture {
  readonly id: string
  readonly words: ReadonlySet<string>
  readonly embedding: Float32Array
  readonly hash: readonly [number, number]
}

const pictures: Picture[] = []
for (const folder of process.argv.slice(2)) await readFolder(folder)
report()

async function readFolder(folder: string): Promise<void> {
  const flow = fromFiles(folder).pipe(
    decode({ onError: 'drop' }),
    perceptualHash(),
    resize({ width: 224, height: 224, fit: 'fill' }),
    infer(),
  )
  const signal = new AbortController().signal
  for await (const batch of flowOf(flow).pull({ signal, columns: new Set() }))
    if (!(batch instanceof Control)) keep(batch)
}

function keep(batch: RecordBatch): void {
  const embeddings = unitRows(tensorValues(column(batch, 'embedding')), columns).values
  for (let row = 0; row < batch.numRows; row++) {
    const id = String(column(batch, 'id').get(row))
    const hash = column(batch, 'phash').get(row) as Uint8Array | null
    if (fromOneTemplate.test(id) || !hash) continue
    const view = new DataView(hash.buffer, hash.byteOffset, 8)
    const name = basename(id, extname(id)).toLowerCase()
    pictures.push({
      id,
      words: new Set(name.split(/[^a-z]+/).filter((word) => word.length > 1)),
      embedding: embeddings.slice(row * columns, (row + 1) * columns),
      hash: [view.getUint32(0), view.getUint32(4)],
    })
  }
}

function report(): void {
  const pairs: { a: Picture; b: Picture; cosine: number; bits: number }[] = []
  for (const [i, a] of pictures.entries())
    for (const b of pictures.slice(i + 1)) {
      if ([...a.words].some((word) => b.words.has(word))) continue
      let cosine = 0
      for (let c = 0; c < columns; c++) cosine += (a.embedding[c] ?? 0) * (b.embedding[c] ?? 0)
      const bits = hammingDistance(a.hash[0] ^ b.hash[0], a.hash[1] ^ b.hash[1])
      pairs.push({ a, b, cosine, bits })
    }
  console.log(`${String(pictures.length)} pictures, ${String(pairs.length)} unrelated pairs`)
  const distances = Float64Array.from(pairs, (p) => 1 - p.cosine).sort()
  const bits = Float64Array.from(pairs, (p) => p.bits).sort()
  const median = at(distances, 0.5)
  const evidence = new DuplicateEvidence()
  const joint = Float64Array.from(pairs, (p) => -evidence.of(1 - p.cosine, p.bits)).sort()
  console.log('share       nearness  cosine  bits  joint evidence')
  for (const share of [0.3, 0.1, 0.03, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5]) {
    const distance = at(distances, share)
    const cells = [Math.log(median / distance), 1 - distance, at(bits, share), -at(joint, share)]
    console.log(share.toExponential(0).padEnd(12), cells.map((x) => x.toFixed(3)).join('   '))
  }
  console.log('nearest pairs, to be looked at')
  const limit = -at(joint, Math.min(0.5, 40 / joint.length))
  for (const { a, b, cosine, bits: apart } of pairs)
    if (evidence.of(1 - cosine, apart) >= limit)
      console.log(cosine.toFixed(3), String(apart).padStart(2), a.id, b.id)
}

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(share * sorted.length)] ?? Number.NaN
}
