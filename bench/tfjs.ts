// MobileNetV2 at 224 × 224 by TensorFlow.js (the graph of nsfwjs 4.3 on WebAssembly) and by onnxruntime (the bundled
// file, which has the same weights), one thread each, in turns; then how much memory a long run takes.
// Run: npm run build && npx jiti bench/tfjs.ts [rounds=3] [pictures=10000]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { infer } from '../operators/infer.ts'
import { batchOf, textColumn } from '../src/batch/batch.ts'
import { flowOf } from '../src/flow/flow.ts'
import { type OpenModel, openModel } from '../src/inference/open-model.ts'
import { bundledModel, pictureModel } from '../src/inference/picture-model.ts'
import { type Pixels, pixelsColumn, pixelsField } from '../src/pictures/pixels.ts'
import { Run } from '../src/run/run-state.ts'
import { embeddingNode, nsfwjsModel } from '../test/helpers/nsfwjs.ts'

const [rounds = 3, pictures = 10_000] = process.argv.slice(2).map(Number)
const size = { width: 224, height: 224 }

/** Stripes that differ from picture to picture. */
function picture(seed: number): Pixels {
  const data = new Uint8Array(size.width * size.height * 3)
  for (let at = 0; at < data.length; at++) data[at] = Math.imul(at >> 4, 40 + seed) >> 5
  return { ...size, data }
}

/** Processor time, which other work on the machine does not change much. */
async function timed(name: string, model: OpenModel): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < 40; at++) {
    const pixels = picture(at)
    const started = process.cpuUsage()
    await model.run(pixels)
    const { user, system } = process.cpuUsage(started)
    times.push((user + system) / 1000)
  }
  const median = times.sort((a, b) => a - b)[times.length / 2] ?? NaN
  console.log(`${name.padEnd(19)} ${median.toFixed(1).padStart(6)} ms a picture`)
}

function* batches(): Generator<RecordBatch> {
  const field = pixelsField('pixels', size)
  for (let from = 0; from < pictures; from += 50) {
    const rows = Array.from({ length: Math.min(50, pictures - from) }, (_, at) => from + at)
    yield batchOf([textColumn('id', rows.map(String)), pixelsColumn(field, rows.map(picture))])
  }
}

async function longRun(model: string): Promise<void> {
  const flow = flowOf(flowOf(batches()).pipe(infer({ model, outputs: { [embeddingNode]: 'e' } })))
  const context = {
    signal: new AbortController().signal,
    columns: new Set<string>(),
    run: new Run({}),
  }
  let rows = 0
  for await (const batch of flow.pull(context)) {
    rows += (batch as RecordBatch).numRows
    if (rows % (pictures / 10) > 0) continue
    const megabytes = process.memoryUsage.rss() / 2 ** 20
    console.log(`${String(rows).padStart(6)} pictures · RSS ${megabytes.toFixed(0)} MB`)
  }
}

const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
try {
  const graph = await nsfwjsModel(folder, 'mobilenet_v2_mid')
  const outputs = { [embeddingNode]: 'embedding' }
  const wasm = await openModel(pictureModel({ model: graph, backend: 'wasm', outputs }), size)
  const onnx = await openModel(pictureModel({ model: bundledModel }), size)
  for (let round = 0; round < rounds; round++) {
    await timed('TensorFlow.js, wasm', wasm)
    await timed('onnxruntime', onnx)
  }
  const [a, b] = [await wasm.run(picture(1)), await onnx.run(picture(1))].map(([values]) => values)
  const apart = Math.max(...(a ?? []).map((value, at) => Math.abs(value - (b?.[at] ?? NaN))))
  console.log(`largest difference of the embeddings ${apart.toExponential(1)}`)
  await Promise.all([wasm.close(), onnx.close()])
  await longRun(graph)
} finally {
  await rm(folder, { recursive: true })
}
