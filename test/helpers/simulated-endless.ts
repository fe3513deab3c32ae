import type { RecordBatch } from 'apache-arrow'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { source } from '../../src/flow/source.ts'
import { Random } from '../../src/kernels/random.ts'
import { run, type RunSummary } from '../../src/run/run.ts'
import { type Outcome, Scheduler } from './scheduler.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { batchWith, FlowBuilder } from './simulated-flows.ts'
import { type Operation, OperationStep } from './simulated-plan.ts'

const parts = '/out/parts'
const rejects = '/out/rejects'

/** A source that does not end, and what is done with its rows. */
interface Endless {
  readonly rows: number
  readonly size: number
  readonly operation: Operation
}

/**
 * Runs a pipeline that does not end by itself into folders of parts, on a disk that crashes, until all
 * rows there are have come and it is told to stop. Returns what was wrong, or undefined.
 */
export async function simulateEndless(seed: number): Promise<string | undefined> {
  const random = new Random(seed, 5)
  const below = (n: number): number => Math.floor(random.uniform() * n)
  const operation = {
    ...{ name: 'o', rejects: below(2) * 5, drops: below(2) * 5, expands: below(3) === 0 },
    ...{ counts: below(2) === 0, concurrency: 1, ordered: true },
  }
  const endless: Endless = { rows: below(60), size: 1 + below(4), operation }
  const step = new OperationStep(operation)
  const ids = Array.from({ length: endless.rows }, (_, row) => step.next(idOf(row))).flat()
  const disk = new SimulatedDisk(new Random(seed, 6))
  disk.makeFolder('/out')
  for (let life = below(4); life >= 0; life--) {
    const steps = life === 0 ? undefined : below(800)
    const outcome = await live({ seed, life, disk, endless }, steps)
    if (outcome.type === 'stalled') return `life ${String(life)}: stalled`
    if (outcome.type === 'failed') return `life ${String(life)}: ${String(outcome.error)}`
    if (random.uniform() < 0.7) disk.crash()
    else disk.kill()
    const seen = idsIn(disk, parts)
    if (String(seen) !== String(ids.slice(0, seen.length)))
      return `life ${String(life)}: Expected parts with ${String(ids)}, got ${String(seen)}`
  }
  const [all, refused] = [idsIn(disk, parts), idsIn(disk, rejects)]
  if (all.length !== ids.length)
    return `Expected ${String(ids.length)} rows, got ${String(all.length)}`
  if (String(refused) !== String(step.rejected))
    return `Expected rejects ${String(step.rejected)}, got ${String(refused)}`
  return undefined
}

function live(
  about: { seed: number; life: number; disk: SimulatedDisk; endless: Endless },
  steps: number | undefined,
): Promise<Outcome<RunSummary>> {
  const scheduler = new Scheduler(about.seed, 200 + about.life)
  const drain = new AbortController()
  const builder = new FlowBuilder(scheduler)
  const flow = rowsUntilIdle(about.endless, scheduler, () => {
    if (about.life === 0) drain.abort()
  })
  const written = flowOf(builder.operate(flow, about.endless.operation).pipe(toJsonl(parts)))
  return scheduler.drive(
    () =>
      run(written, {
        disk: about.disk.of(scheduler),
        drain: drain.signal,
        rejects: toJsonl(rejects),
        maxRejectRatio: 1,
        checkpoint: { folder: '/checkpoints', everyMs: 1 + (about.seed % 20), resume: true },
      }),
    steps,
  )
}

function rowsUntilIdle({ rows, size }: Endless, scheduler: Scheduler, idle: () => void) {
  return source<RecordBatch, number>({
    name: 'source',
    bounded: false,
    schema: () => batchWith([]).schema,
    async *read({ signal }, from = 0) {
      for (let row = from; row < rows; row += size) {
        await scheduler.turn()
        const length = Math.min(size, rows - row)
        yield [batchWith(Array.from({ length }, (_, i) => idOf(row + i))), row + length]
      }
      await scheduler.turn()
      idle()
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve)
      })
    },
  })
}

function idOf(row: number): string {
  return `r${String(row)}`
}

function idsIn(disk: SimulatedDisk, folder: string): readonly string[] {
  const visible = disk.names(folder).filter((name) => !name.startsWith('.'))
  const text = visible.map((name) => disk.text(`${folder}/${name}`) ?? '').join('')
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as { id: string }).id)
}
