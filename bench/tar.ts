/**
 * Decoding JPEGs of 500 × 375 from one tar archive beside the same from as many files: `fromTar` and `fromFiles`, then
 * `decode` and `resize`. They take turns; medians and their ratio are printed.
 *
 * Run: `npm run build && npx jiti bench/tar.ts [pictures=1000] [rounds=3]`
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { RecordBatch } from 'apache-arrow'
import { pack } from 'tar-stream'
import { fromFiles } from '../connectors/from-files.ts'
import { fromTar } from '../connectors/from-tar.ts'
import { decode } from '../operators/decode.ts'
import { resize } from '../operators/resize.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { noise } from '../test/helpers/pictures.ts'

const [pictures = 1000, rounds = 3] = process.argv.slice(2).map(Number)
const folder = await mkdtemp(join(tmpdir(), 'millrace-tar-'))
const shard = join(folder, 'shard.tar')

async function write(): Promise<void> {
  const archive = pack()
  const written = finished(archive.pipe(createWriteStream(shard)))
  const different = await Promise.all(
    Array.from({ length: 20 }, (_, seed) => noise(500, 375, seed).jpeg().toBuffer()),
  )
  for (let i = 0; i < pictures; i++) {
    const name = `${String(i).padStart(6, '0')}.jpg`
    const bytes = different[i % different.length] ?? Buffer.alloc(0)
    archive.entry({ name }, bytes)
    await writeFile(join(folder, name), bytes)
  }
  archive.finalize()
  await written
}

async function seconds(source: Flow<RecordBatch>): Promise<number> {
  const start = performance.now()
  const rows = flowOf(source.pipe(decode(), resize({ width: 224, height: 224 })))
  let count = 0
  for await (const value of rows.pull({ signal: new AbortController().signal, columns: new Set() }))
    if (value instanceof RecordBatch) count += value.numRows
  if (count !== pictures) throw new Error(`Expected ${String(pictures)} rows, got ${String(count)}`)
  return (performance.now() - start) / 1000
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

try {
  await write()
  const tar: number[] = []
  const files: number[] = []
  for (let round = 0; round < rounds; round++) {
    files.push(await seconds(fromFiles(join(folder, '*.jpg'))))
    tar.push(await seconds(fromTar(shard)))
  }
  const [a, b] = [median(tar), median(files)]
  console.log(
    `${String(pictures)} pictures: tar ${(pictures / a).toFixed(0)}/s, files ${(pictures / b).toFixed(0)}/s, ratio ${(b / a).toFixed(2)}`,
  )
} finally {
  await rm(folder, { recursive: true })
}
