import { isDeepStrictEqual } from 'node:util'
import { ConnectorError } from '../../src/errors.ts'
import { Random } from '../../src/kernels/random.ts'
import { wrapped } from '../../src/run/checkpoint-folder.ts'
import { type Checkpoint, CheckpointStore } from '../../src/run/checkpoint-store.ts'
import { Scheduler } from './scheduler.ts'
import { type Fault, SimulatedDisk } from './simulated-disk.ts'

const folder = '/checkpoints'

/** What the outside knows of the checkpoints. */
interface Known {
  runId: string | undefined
  /** Number of the last checkpoint whose commit has returned. */
  committed: number
  /** Number of the last one whose commit was called. */
  begun: number
  readonly checkpoints: Map<number, Checkpoint>
  /** Number of the newest one, if it was damaged since one was read. */
  damaged?: number | undefined
}

/**
 * Commits checkpoints on a disk that crashes again and again, and damages some. Returns what was
 * wrong, or undefined: a checkpoint that was committed was lost, or one was read that is not whole.
 */
export async function simulateStore(seed: number): Promise<string | undefined> {
  const random = new Random(seed, 1)
  const disk = new SimulatedDisk(new Random(seed, 2))
  const known: Known = { runId: undefined, committed: 0, begun: 0, checkpoints: new Map() }
  for (let life = 0; life < 6; life++) {
    const scheduler = new Scheduler(seed, 100 + life)
    const steps = Math.floor(random.uniform() * 300)
    disk.failAt(faultOf(random))
    const outcome = await scheduler.drive(() => live(disk, scheduler, random, known), steps)
    const expected = disk.failed && (outcome as { error?: unknown }).error instanceof ConnectorError
    if (outcome.type === 'failed' && !expected)
      return `life ${String(life)}: ${String(outcome.error)}`
    if (outcome.type === 'stalled') return `life ${String(life)}: stalled`
    if (random.uniform() < 0.8) disk.crash()
    else disk.kill()
    if (random.uniform() < 0.3) known.damaged ??= damageNewest(disk, random)
  }
  return undefined
}

/** In one life of three, one of its changes of the disk fails. */
function faultOf(random: Random): Fault | undefined {
  if (random.uniform() > 1 / 3) return undefined
  const change = 1 + Math.floor(random.uniform() * 60)
  return { change, code: random.uniform() < 0.5 ? 'ENOSPC' : 'EIO' }
}

async function live(
  disk: SimulatedDisk,
  scheduler: Scheduler,
  random: Random,
  known: Known,
): Promise<void> {
  const notes: string[] = []
  const store = await CheckpointStore.open(folder, {
    disk: disk.of(scheduler),
    note: (line) => notes.push(line),
  })
  const found = await store.newest()
  const number = found?.number ?? 0
  checkNumber(number, notes, known)
  if (found && !isDeepStrictEqual(found, known.checkpoints.get(number)))
    throw new Error(`Expected checkpoint ${String(number)} as it was committed, got another`)
  if (number > 0) {
    if (known.runId !== store.runId) throw new Error('Expected the same run, got another')
    await checkFile(store, number, disk)
  }
  known.committed = known.begun = number
  known.damaged = undefined
  known.runId = store.runId
  for (let next = number + 1; next < number + 6; next++)
    await commitNext(store, next, disk.of(scheduler), random, known)
  await store.close()
}

/** What was committed must be there, unless it was damaged: then the one before. */
function checkNumber(number: number, notes: readonly string[], known: Known): void {
  const { committed, begun, damaged } = known
  const expected = damaged === undefined ? [committed, begun] : [damaged - 1]
  if (!expected.includes(number))
    throw new Error(`Expected checkpoint ${expected.join(' or ')}, got ${String(number)}`)
  // A life that crashed may have put it aside already.
  if (notes.length > (damaged === undefined ? 0 : 1))
    throw new Error(`Expected a note of what was damaged alone, got ${notes.join('; ')}`)
}

/** Flips a bit of the newest checkpoint, if there is one before; returns its number. */
function damageNewest(disk: SimulatedDisk, random: Random): number | undefined {
  const manifests = disk.names(folder).filter((name) => /^manifest-\d+\.json$/.test(name))
  const newest = manifests.at(-1)
  if (newest === undefined || manifests.length < 2) return undefined
  const number = Number(newest.slice(9, 15))
  const files = [newest, ...['state.bin', 'index/rows'].map((f) => `${newest.slice(9, 15)}/${f}`)]
  disk.flipBit(`${folder}/${files[Math.floor(random.uniform() * 3)] ?? ''}`)
  return number
}

async function commitNext(
  store: CheckpointStore,
  number: number,
  disk: ReturnType<SimulatedDisk['of']>,
  random: Random,
  known: Known,
): Promise<void> {
  // What differs from life to life shows whether states of two lives are mixed.
  const mark = random.uniform()
  const states = new Map<string, unknown>([
    ['source', { row: number, mark }],
    ['model', new Float64Array(Math.floor(random.uniform() * 50)).fill(mark)],
  ])
  const checkpoint: Checkpoint = {
    number,
    status: 'running',
    plan: [],
    seed: 0,
    states,
    publications: [],
  }
  const path = `${await store.fileFolder(number, 'index')}/rows`
  await wrapped(path, async () => {
    const file = await disk.open(path, 'create')
    await file.write(Buffer.from(`rows of ${String(number)}`), 0)
    await file.close()
  })
  known.checkpoints.set(number, checkpoint)
  known.begun = number
  await store.commit(checkpoint)
  known.committed = number
}

async function checkFile(store: CheckpointStore, number: number, disk: SimulatedDisk) {
  const path = `${await store.fileFolder(number, 'index')}/rows`
  const expected = `rows of ${String(number)}`
  const text = disk.text(path)
  if (text !== expected) throw new Error(`Expected ${expected} in ${path}, got ${String(text)}`)
}
