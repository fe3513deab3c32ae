/**
 * What checkpoints cost: the same pipelines with one every second and with none, in turns.
 *
 * Run: npm run build && node bench/checkpoints.ts [rows] [repeats] [everyMs]
 * Node 20 needs `--import jiti/register` in front of the file's name.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { fromParquet } from '../connectors/from-parquet.ts'
import { toParquet } from '../connectors/to-parquet.ts'
import { gmm } from '../operators/gmm.ts'
import { neighbors } from '../operators/neighbors.ts'
import { pca } from '../operators/pca.ts'
import { batchOf, textColumn } from '../src/batch/batch.ts'
import { tensorColumn } from '../src/batch/tensor.ts'
import { type Disk, nodeDisk } from '../src/disk.ts'
import { source } from '../src/flow/source.ts'
import { closeKernel } from '../src/kernels/kernel.ts'
import { run } from '../src/run/run.ts'

const rows = Number(process.argv[2] ?? 200_000)
const repeats = Number(process.argv[3] ?? 3)
const everyMs = Number(process.argv[4] ?? 1_000)
const columns = 40
const batchRows = 2_000

const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
const input = join(folder, 'input.parquet')
const output = join(folder, 'output.parquet')
const checkpoint = join(folder, 'checkpoint')

const embeddings = source<RecordBatch, number>({
  name: 'embeddings',
  async *read() {
    let state = 1
    for (let from = 0; from < rows; from += batchRows) {
      const ids = Array.from({ length: Math.min(batchRows, rows - from) }, (_, i) =>
        String(from + i),
      )
      const values = new Float32Array(ids.length * columns).map(() => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return state / 2 ** 32 - 0.5
      })
      yield [batchOf([textColumn('id', ids), tensorColumn('embedding', [columns], values)]), from]
      await Promise.resolve()
    }
  },
})

const pipelines = {
  online: () =>
    fromParquet(input).pipe(
      pca({ mode: 'online', components: 20 }),
      gmm({ mode: 'online', column: 'embedding', components: 4 }),
      neighbors({ mode: 'online' }),
      toParquet(output),
    ),
  fit: () =>
    fromParquet(input).pipe(
      pca({ components: 20 }),
      gmm({ column: 'embedding', components: 4 }),
      neighbors(),
      toParquet(output),
    ),
}

/** What was written for the checkpoints of a run. */
interface Written {
  /** Bytes of what the manifests point to and of the manifests. */
  states: number
  /** Milliseconds from the states to the rename, of each. */
  readonly commits: number[]
}

/** The machine's file system, with an eye on what goes into the folders of checkpoints. */
function watched(written: Written): Disk {
  let begun = 0
  return {
    ...nodeDisk,
    async open(path, mode) {
      const file = await nodeDisk.open(path, mode)
      if (basename(path) === 'state.bin' && mode === 'create') begun = performance.now()
      const counts = mode === 'create' && /checkpoint\/(\d{6}|manifest)/.test(path)
      return {
        ...file,
        async write(bytes, position) {
          if (counts) written.states += bytes.length
          await file.write(bytes, position)
        },
      }
    },
    async rename(from, to) {
      await nodeDisk.rename(from, to)
      if (basename(to).startsWith('manifest-')) written.commits.push(performance.now() - begun)
    },
  }
}

/** What a run takes, in seconds: of the clock, and of all threads together. */
interface Taken {
  readonly clock: number
  readonly threads: number
}

async function taken(name: keyof typeof pipelines, written?: Written): Promise<Taken> {
  await rm(checkpoint, { recursive: true, force: true })
  const started = performance.now()
  const cpu = process.cpuUsage()
  await run(
    pipelines[name](),
    written ? { checkpoint: { folder: checkpoint, everyMs }, disk: watched(written) } : {},
  )
  const { user, system } = process.cpuUsage(cpu)
  return { clock: (performance.now() - started) / 1_000, threads: (user + system) / 1e6 }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

function compared(without: readonly Taken[], kept: readonly Taken[], of: keyof Taken): string {
  const [a, b] = [without, kept].map((all) => median(all.map((one) => one[of]))) as [number, number]
  return `${a.toFixed(2)} s without, ${b.toFixed(2)} s with: ${(b / a).toFixed(3)}`
}

await run(embeddings.pipe(toParquet(input)))
console.log(
  `${String(rows)} × ${String(columns)}, ${((await stat(input)).size / 2 ** 20).toFixed(0)} MiB, every ${String(everyMs)} ms, medians of ${String(repeats)}`,
)
for (const name of ['online', 'fit'] as const) {
  await taken(name)
  const without: Taken[] = []
  const kept: Taken[] = []
  const written: Written = { states: 0, commits: [] }
  for (let i = 0; i < repeats; i++) {
    without.push(await taken(name))
    kept.push(await taken(name, written))
  }
  const count = written.commits.length
  console.log(
    [
      `${name.padEnd(7)} clock ${compared(without, kept, 'clock')}, processors ${compared(without, kept, 'threads')}`,
      `${(count / repeats).toFixed(1)} checkpoints a run`,
      `${(written.states / count / 1024).toFixed(0)} KiB and ${median(written.commits).toFixed(0)} ms each`,
    ].join('; '),
  )
}
if ((await readdir(checkpoint)).some((file) => file === 'run'))
  throw new Error('Expected a finished run to leave nothing of its own')
await rm(folder, { recursive: true })
await closeKernel()
