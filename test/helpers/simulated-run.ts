import { toJsonl } from '../../connectors/to-jsonl.ts'
import { ConnectorError } from '../../src/errors.ts'
import { Random } from '../../src/kernels/random.ts'
import { run, type RunSummary } from '../../src/run/run.ts'
import { type Outcome, Scheduler } from './scheduler.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { FlowBuilder } from './simulated-flows.ts'
import { drawPlan, foretell, type PlanPart, type SimulatedPlan } from './simulated-plan.ts'

const out = '/out'
const checkpoints = '/checkpoints'

/** What a simulated run came to. */
export interface Simulated {
  /** Crashes, kills and failures that it went through. */
  readonly deaths: number
  /** Rows and rejects compared. */
  readonly rows: number
  /** What was wrong, if anything was. */
  readonly failure?: string
}

/** What files a run is to write, by path. */
type Expected = ReadonlyMap<
  string,
  { readonly lines: readonly string[]; readonly ordered: boolean }
>

/** One process of a run that may have several. */
interface Life {
  readonly seed: number
  readonly number: number
  /** It is told to stop after so many steps. */
  readonly drainAt?: number
  readonly disk: SimulatedDisk
  readonly plan: SimulatedPlan
}

/**
 * Draws a pipeline, runs it with checkpoints on a disk that crashes and fails, resumes it until it ends,
 * and compares what it wrote with what was foretold. The same seed does the same. Tables may be `shared`: see
 * {@link drawPlan}.
 */
export async function simulateRun(seed: number, { shared = false } = {}): Promise<Simulated> {
  const random = new Random(seed, 1)
  const plan = drawPlan(random, { shared })
  const expected = expectedOf(plan)
  let rows = 0
  for (const { lines } of expected.values()) rows += lines.length
  let deaths = 0
  let at = 'undisturbed'
  try {
    const steps = await undisturbed(seed, plan, expected)
    const disk = new SimulatedDisk(new Random(seed, 2))
    watch(disk, expected)
    for (let number = 1 + Math.floor(random.uniform() * 4); number > 0; number--) {
      at = `life ${String(number)}`
      const most = Math.floor(random.uniform() * steps * 1.2)
      if (random.uniform() < 0.3) disk.failAt(faultOf(random))
      const drained = random.uniform() < 0.2 && { drainAt: most }
      const outcome = await live(
        { seed, number, disk, plan, ...drained },
        drained ? undefined : most,
      )
      refuseUnexpected(outcome, disk)
      disk.failAt(undefined)
      if (outcome.type !== 'done' || outcome.value.drained) deaths++
      if (random.uniform() < 0.7) disk.crash()
      else disk.kill()
      compareVisible(disk, expected)
    }
    at = 'last life'
    const outcome = await live({ seed, number: 0, disk, plan })
    refuseUnexpected(outcome, disk)
    if (outcome.type === 'done') compareAll(disk, expected, outcome.value)
    return { deaths, rows }
  } catch (error) {
    return { deaths, rows, failure: `${at}: ${String(error)}` }
  }
}

/** Runs the plan to its end at once; returns the steps that took. */
async function undisturbed(seed: number, plan: SimulatedPlan, expected: Expected): Promise<number> {
  const disk = new SimulatedDisk(new Random(seed, 3))
  watch(disk, expected)
  const scheduler = new Scheduler(seed, 99)
  const outcome = await scheduler.drive(() => running({ seed, number: 0, disk, plan }, scheduler))
  refuseUnexpected(outcome, disk)
  if (outcome.type === 'done') compareAll(disk, expected, outcome.value)
  return scheduler.steps
}

function live(life: Life, steps?: number): Promise<Outcome<RunSummary>> {
  const scheduler = new Scheduler(life.seed, 100 + life.number)
  return scheduler.drive(() => running(life, scheduler), steps)
}

async function running(
  { seed, disk, plan, drainAt }: Life,
  scheduler: Scheduler,
): Promise<RunSummary> {
  const drain = new AbortController()
  if (drainAt !== undefined)
    scheduler.at(drainAt, () => {
      drain.abort()
    })
  const own = disk.of(scheduler)
  const builder = new FlowBuilder(scheduler)
  const flows = plan.map((part, i) => [
    `end${String(i)}`,
    builder.build(part).pipe(toJsonl(pathOf(i))),
  ])
  return run(Object.fromEntries(flows) as Parameters<typeof run>[0], {
    seed,
    disk: own,
    drain: drain.signal,
    rejects: toJsonl(`${out}/rejects.jsonl`),
    maxRejectRatio: 1,
    checkpoint: { folder: checkpoints, everyMs: 1 + (seed % 40), resume: true },
  })
}

function pathOf(end: number): string {
  return `${out}/${String(end)}.jsonl`
}

function expectedOf(plan: SimulatedPlan): Expected {
  const rejects = new Map<PlanPart, readonly string[]>()
  const files = plan.map((part, i) => {
    const { ids, ordered } = foretell(part, rejects)
    return [pathOf(i), { lines: ids, ordered }] as const
  })
  const refused = [...rejects.values()].flat()
  return new Map([...files, [`${out}/rejects.jsonl`, { lines: refused, ordered: false }]])
}

function faultOf(random: Random) {
  const change = 1 + Math.floor(random.uniform() * 80)
  return { change, code: random.uniform() < 0.5 ? ('ENOSPC' as const) : ('EIO' as const) }
}

function refuseUnexpected(outcome: Outcome<RunSummary>, disk: SimulatedDisk): void {
  if (outcome.type === 'stalled') throw new Error('Expected the run to go on, got a stall')
  if (outcome.type !== 'failed') return
  const { error } = outcome
  if (disk.failed && error instanceof ConnectorError) return
  throw error
}

/** Lets nothing be visible that is not whole, or before the checkpoint that commits it. */
function watch(disk: SimulatedDisk, expected: Expected): void {
  disk.makeFolder(out)
  disk.onName = (path) => {
    if (!expected.has(path)) return
    const manifests = disk.names(checkpoints).filter((name) => name.startsWith('manifest-'))
    const newest = disk.text(`${checkpoints}/${manifests.at(-1) ?? ''}`) ?? ''
    if (!newest.includes('"status": "complete"'))
      throw new Error(`Expected ${path} to be visible after its commit, got it before`)
    compare(path, disk, expected)
  }
}

function compareVisible(disk: SimulatedDisk, expected: Expected): void {
  for (const path of expected.keys())
    if (disk.text(path) !== undefined) compare(path, disk, expected)
}

function compareAll(disk: SimulatedDisk, expected: Expected, summary: RunSummary): void {
  for (const path of expected.keys()) compare(path, disk, expected)
  const names = disk.names(out).map((name) => `${out}/${name}`)
  const strange = names.find((name) => !expected.has(name))
  if (strange !== undefined) throw new Error(`Expected outputs alone, got ${strange}`)
  const counted = [...summary.sinks.map(({ rows }) => rows)]
  const written = [...expected.values()].map(({ lines }) => lines.length)
  if (String(counted) !== String(written))
    throw new Error(`Expected receipts of ${String(written)} rows, got ${String(counted)}`)
}

function compare(path: string, disk: SimulatedDisk, expected: Expected): void {
  const text = disk.text(path)
  if (text === undefined) throw new Error(`Expected ${path}, got no such file`)
  const { lines, ordered } = expected.get(path) ?? { lines: [], ordered: true }
  const got = text.split('\n').slice(0, -1).map(idOf)
  const [a, b] = ordered ? [lines, got] : [lines.toSorted(), got.toSorted()]
  if (JSON.stringify(a) === JSON.stringify(b)) return
  const lost = minus(a, b)
  const extra = minus(b, a)
  throw new Error(
    `Expected ${String(a.length)} rows in ${path}, got ${String(b.length)}: lost ${lost.join(' ') || 'none'}, more than once or unexpected ${extra.join(' ') || 'none'}`,
  )
}

/** What is in `a` and not in `b`, as often as that. */
function minus(a: readonly string[], b: readonly string[]): readonly string[] {
  const left = [...b]
  return a.filter((id) => {
    const at = left.indexOf(id)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

function idOf(line: string): string {
  try {
    return (JSON.parse(line) as { id: string }).id
  } catch {
    return `(half a line: ${line})`
  }
}
