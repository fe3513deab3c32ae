// Pictures per second from JPEG to embedding: the fused chain in threads against a plain loop of sharp and
// onnxruntime on the main thread, in turns, and how late the event loop is meanwhile.
// Run: npm run build && npx jiti bench/pictures.ts [pictures=200] [rounds=3]
import { availableParallelism } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { RecordBatch } from 'apache-arrow'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'
import { decode } from '../operators/decode.ts'
import { infer } from '../operators/infer.ts'
import { resize } from '../operators/resize.ts'
import { batchOf, binaryColumn, textColumn } from '../src/batch/batch.ts'
import { flowOf } from '../src/flow/flow.ts'
import { bundledModel } from '../src/inference/picture-model.ts'
import { Run } from '../src/run/run-state.ts'

const [pictures = 200, rounds = 3] = process.argv.slice(2).map(Number)

/** Smooth noise, which compresses about as a photograph does. */
async function photograph(seed: number): Promise<Uint8Array> {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const
  const create = { width: 64, height: 48, channels: 3, background: 'black', noise } as const
  const small = await sharp({ create }).png().toBuffer()
  return sharp(small)
    .resize(1024, 768)
    .modulate({ hue: seed % 360 })
    .jpeg({ quality: 85 })
    .toBuffer()
}

const images: Uint8Array[] = []
for (let i = 0; i < pictures; i++) images.push(await photograph(i))

async function plainLoop(threads: number): Promise<void> {
  const session = await InferenceSession.create(bundledModel, { intraOpNumThreads: threads })
  const table = Float32Array.from({ length: 256 }, (_, v) => v / 255)
  await timed(`plain loop, ${String(threads)} thread${threads > 1 ? 's' : ''}`, async () => {
    for (const image of images) {
      const pixels = await sharp(image).resize(224, 224, { fit: 'fill' }).raw().toBuffer()
      const input = new Float32Array(pixels.length)
      for (let i = 0; i < pixels.length; i++) input[i] = table[pixels[i] as number] as number
      await session.run({ image: new Tensor(input, [1, 224, 224, 3]) }, ['emb'])
    }
    return images.length
  })
  await session.release()
}

function* batches(): Generator<RecordBatch> {
  for (let from = 0; from < pictures; from += 64) {
    const part = images.slice(from, from + 64)
    const ids = part.map((_, i) => String(from + i))
    yield batchOf([textColumn('id', ids), binaryColumn('image', part)])
  }
}

async function chain(threads: number): Promise<void> {
  const flow = flowOf(batches()).pipe(decode(), resize({ width: 224, height: 224 }), infer())
  const context = {
    signal: new AbortController().signal,
    columns: new Set<string>(),
    run: new Run({ threads }),
  }
  await flowOf(flow).schema()
  await timed(`fused chain, ${String(threads)} thread${threads > 1 ? 's' : ''}`, async () => {
    let rows = 0
    for await (const batch of flowOf(flow).pull(context)) rows += (batch as RecordBatch).numRows
    return rows
  })
}

async function timed(name: string, work: () => Promise<number>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const started = performance.now()
  const rows = await work()
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  const memory = process.memoryUsage.rss() / 2 ** 20
  console.log(
    `${name.padEnd(24)} ${(rows / seconds).toFixed(1).padStart(6)} pictures/s` +
      ` · ${((user + system) / 1000 / rows).toFixed(1)} CPU-ms each` +
      ` · event loop p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms · RSS ${memory.toFixed(0)} MB`,
  )
}

const cores = availableParallelism()
console.log(
  `${String(pictures)} JPEGs of 1024 × 768, ${String(Math.round(images.reduce((n, b) => n + b.length, 0) / pictures / 1000))} kB each, ${String(cores)} cores`,
)
for (let round = 0; round < rounds; round++) {
  await plainLoop(1)
  await plainLoop(cores)
  await chain(cores)
}
