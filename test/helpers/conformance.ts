import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { RecordBatch } from 'apache-arrow'
import type { Observable } from 'rxjs'
import { fromArrow } from '../../connectors/from-arrow.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { toJsonl } from '../../connectors/to-jsonl.ts'
import type { Context } from '../../src/flow/context.ts'
import { Barrier } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import type { Job } from '../../src/run/plan.ts'
import type { Run } from '../../src/run/run-state.ts'
import { run, type RunSummary } from '../../src/run/run.ts'

/** How a run is cut into parts: behind each checkpoint, some batches after it, or by draining it. */
export type Cut = 'at each checkpoint' | 'between checkpoints' | 'by draining'

/** All of them. */
export const cuts: readonly Cut[] = ['at each checkpoint', 'between checkpoints', 'by draining']

/** Goes into a flow of a job under test: has a checkpoint taken there after every few batches. */
export type Paced = <T>(source: Observable<T>) => Flow<T>

/** What has to give the same when its run is cut short and resumed. */
export interface Subject {
  /** Makes the job, new each time, which writes into the folder `out`. `paced` goes behind its sources, and behind what blocks. */
  readonly job: (out: string, paced: Paced) => Job | Promise<Job>
  /** Fetches what it wrote elsewhere into the folder `out`. */
  readonly fetch?: (out: string) => Promise<void>
  /**
   * Batches from one checkpoint to the next.
   *
   * @default 3
   */
  readonly every?: number
  /**
   * Whether its rejects may come in any order.
   *
   * @default false
   */
  readonly rejectsInAnyOrder?: boolean
  /**
   * How often the run is cut, if it goes that far.
   *
   * @default 3
   */
  readonly cuts?: number
}

/** What a run left, and what it said. */
export interface Outcome {
  /** By name: rows of tables, in the order of their parts; other files as they are. */
  readonly files: Readonly<Record<string, unknown>>
  readonly rows: number
  readonly rejected: number
  readonly operators: RunSummary['operators']
  /** Rows written, by sink. */
  readonly receipts: readonly (readonly [sink: string, rows: number])[]
}

/** Runs the subject straight. */
export async function straight(subject: Subject, { threads = 2 } = {}): Promise<Outcome> {
  return inFolder(async (folder) => {
    const out = join(folder, 'out')
    await mkdir(out)
    const summary = await run(await subject.job(out, (source) => flowOf(source)), {
      rejects: toJsonl(join(out, 'rejects.jsonl')),
      threads,
      maxRejectRatio: 1,
    })
    return outcome(subject, summary, out)
  })
}

/**
 * Runs the subject with checkpoints and cuts it short again and again: each part is a run of its own,
 * with a job of its own, that knows of the others what is on disk, in a copy of the checkpoint's folder.
 */
export async function inParts(
  subject: Subject,
  cut: Cut,
): Promise<{ readonly outcome: Outcome; readonly parts: number }> {
  return inFolder(async (folder) => {
    const out = join(folder, 'out')
    await mkdir(out)
    for (let part = 1; part < 100; part++) {
      const checkpoint = join(folder, `checkpoint-${String(part)}`)
      const before = join(folder, `checkpoint-${String(part - 1)}`)
      if (part > 1) await cp(before, checkpoint, { recursive: true })
      await rm(before, { recursive: true, force: true })
      const summary = await onePart(subject, { cut, part, out, checkpoint })
      if (summary) return { outcome: await outcome(subject, summary, out), parts: part }
    }
    throw new Error('Expected the run to end, got 100 parts')
  })
}

interface Part {
  readonly cut: Cut
  readonly part: number
  readonly out: string
  readonly checkpoint: string
}

/** Runs to the next cut; returns the summary if it came to its end. */
async function onePart(
  subject: Subject,
  { cut, part, out, checkpoint }: Part,
): Promise<RunSummary | undefined> {
  const stop = new AbortController()
  const drain = new AbortController()
  const last = part > (subject.cuts ?? 3)
  // Goes a little further in each part, so that the cuts come to other places.
  const paced = pacing(subject.every ?? 3, {
    committed() {
      if (last) return
      if (cut === 'at each checkpoint') stop.abort()
      // While it is being committed: the last one has to wait.
      if (cut === 'by draining' && part % 2 === 0) drain.abort()
    },
    batch(sinceCommit, all) {
      if (last) return
      if (cut === 'between checkpoints' && sinceCommit === 1 + (part % 3)) stop.abort()
      if (cut === 'by draining' && all === 2 + (part % 4)) drain.abort()
    },
  })
  try {
    const summary = await run(await subject.job(out, paced), {
      rejects: toJsonl(join(out, 'rejects.jsonl')),
      // Each part starts its threads.
      threads: cut === 'at each checkpoint' ? 2 : 1,
      maxRejectRatio: 1,
      signal: stop.signal,
      drain: drain.signal,
      checkpoint: { folder: checkpoint, everyMs: 1, resume: part > 1 },
    })
    return summary.checkpoint?.complete ? summary : undefined
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error
    return undefined
  }
}

/** What a {@link pacing} tells. */
interface Passing {
  /** A checkpoint is in place that is further than the one this part went on from. */
  readonly committed: () => void
  /** A batch passes: since the last checkpoint of this part, and of all. */
  readonly batch: (sinceCommit: number, all: number) => void
}

/** Waits after every few batches until a barrier is due, and behind the barrier until it is committed. */
function pacing(every: number, on: Passing): Paced {
  let all = 0
  let sinceCommit = -Infinity
  async function* pull<T>(input: Flow<T>, { run, ...context }: Context) {
    let batches = 0
    let passed: Barrier | undefined
    for await (const value of input.pull({ ...context, ...(run && { run }) })) {
      if (value instanceof RecordBatch) on.batch(++sinceCommit, ++all)
      yield value
      if (!run) continue
      if (value instanceof Barrier) {
        passed = value
        await committed(value, context.signal)
        if (all > 0) sinceCommit = 0
        if (!context.signal.aborted && all > 0) on.committed()
      } else if (value instanceof RecordBatch && ++batches % every === 0)
        await requested(run, passed, context.signal)
    }
  }
  return (source) => {
    const input = flowOf(source)
    return new Flow((context) => pull(input, context), {
      name: 'paced',
      role: 'operator',
      inputs: [input],
      schema: ([schema]) => schema as NonNullable<typeof schema>,
    })
  }
}

/** Until a barrier is due; the one that has passed stays the run's for a while after it is committed. */
function requested(run: Run, passed: Barrier | undefined, signal: AbortSignal): Promise<void> {
  return settled(signal, (resolve) => {
    if (run.barrier && run.barrier !== passed) resolve()
    const stopListening = run.onRequest(() => {
      stopListening()
      resolve()
    })
  })
}

/** Until `barrier` is committed. */
function committed(barrier: Barrier, signal: AbortSignal): Promise<void> {
  return settled(signal, (resolve) => {
    barrier.onCommit(resolve)
  })
}

/** Until `wait` resolves, or the signal aborts. */
function settled(signal: AbortSignal, wait: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    function end(): void {
      signal.removeEventListener('abort', end)
      resolve()
    }
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
    wait(end)
  })
}

async function outcome(subject: Subject, summary: RunSummary, out: string): Promise<Outcome> {
  await subject.fetch?.(out)
  const { rows, rejected, operators, sinks } = summary
  return {
    files: await filesIn(out),
    rows,
    rejected,
    // What the harness adds counts differently.
    operators: operators.filter(({ name }) => !name.startsWith('paced')),
    receipts: sinks.map((receipt) => [receipt.sink, receipt.rows] as const),
  }
}

/** What the files of a folder hold: the parts of a table are put together. */
export async function filesIn(out: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await readdir(out, { recursive: true, withFileTypes: true })
  const paths = found.flatMap((file) => (file.isFile() ? [join(file.parentPath, file.name)] : []))
  const files: Record<string, unknown> = {}
  for (const path of paths.sort()) {
    const name = relative(out, path).replace(/part-[^/]*\./, 'parts.')
    const content = await contentOf(path)
    const before = (files[name] ?? []) as readonly unknown[]
    files[name] = Array.isArray(content) ? [...before, ...(content as unknown[])] : content
  }
  return files
}

/** The rows of a table, else the bytes. */
async function contentOf(path: string): Promise<unknown> {
  if (path.endsWith('.jsonl')) return (await readFile(path, 'utf8')).split('\n').filter(Boolean)
  if (path.endsWith('.csv')) return (await readFile(path, 'utf8')).split('\n').slice(1, -1)
  const [read] = [
    ...(path.endsWith('.parquet') ? [fromParquet] : []),
    ...(path.endsWith('.arrow') ? [fromArrow] : []),
  ]
  if (!read) return (await readFile(path)).toString('base64')
  const rows: unknown[] = []
  for await (const batch of read(path)) for (const row of batch) rows.push(String(row))
  return rows
}

/** Works in a folder of its own, which is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
