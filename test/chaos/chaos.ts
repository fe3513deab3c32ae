/**
 * Kills runs at random until there are enough kills: `npm run chaos -- [--kills 1000] [--seed N] [--jobs 2]`.
 * Each trial is one run: a process is killed at a fail point or at some time, or told to stop, and the
 * next one resumes; what the run leaves is compared with what one that is not killed leaves. A trial
 * depends on the seed and its number alone: `--trial N` repeats one.
 */
import { parseArgs } from 'node:util'
import { Random } from '../../src/kernels/random.ts'
import { failPoints } from '../../src/run/fail-point.ts'
import { type CaseName, cases } from './cases.ts'
import type { Kill } from './killed-run.ts'
import { type Trial, Trials } from './trial.ts'

const names = Object.keys(cases) as CaseName[]

/** `report` takes ten times as long as the others. */
const heavy: readonly CaseName[] = ['report']

interface Sums {
  trials: number
  kills: number
  rows: number
  lost: number
  doubled: number
  failed: number
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.uniform() * list.length)] as T
}

/** From 1 to `most`, small ones more often. */
function small(random: Random, most: number): number {
  return Math.floor(most ** random.uniform())
}

function randomKill(random: Random): Kill {
  const kind = random.uniform()
  if (kind < 0.45) return { point: '*', times: small(random, 600) }
  if (kind < 0.8) return { point: pick(random, failPoints), times: small(random, 12) }
  const signal = kind < 0.95 ? 'SIGKILL' : 'SIGTERM'
  return { signal, afterMs: 300 + Math.floor(random.uniform() * 2_500) }
}

function randomTrial(seed: number, number: number): { name: CaseName; kills: readonly Kill[] } {
  const random = new Random(seed, number)
  const first = pick(random, names)
  const name = heavy.includes(first) && random.uniform() < 0.7 ? pick(random, names) : first
  const kills = Array.from({ length: 1 + small(random, 8) }, () => randomKill(random))
  return { name, kills }
}

function described(kill: Kill): string {
  return 'point' in kill
    ? `${kill.point} × ${String(kill.times)}`
    : `${kill.signal} after ${String(kill.afterMs)} ms`
}

/** Adds a trial to the sums, and says what was wrong with it. */
function account(sums: Sums, trial: Trial, how: string): void {
  sums.trials++
  sums.kills += trial.processes.filter(({ killed }) => killed).length
  sums.rows += trial.rows
  sums.lost += trial.lost
  sums.doubled += trial.doubled
  const { lost, doubled, differences, folder } = trial
  if (lost + doubled + differences.length === 0) return
  sums.failed++
  const ends = trial.processes.map(({ killedAt, code }) => killedAt ?? String(code))
  console.log(`FAILED ${how}`)
  console.log(`  processes ended: ${ends.join(' / ')}`)
  console.log(`  lost ${String(lost)}, doubled ${String(doubled)}, in ${folder}`)
  for (const difference of differences) console.log(`  ${difference}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '1000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      jobs: { type: 'string', default: '2' },
      trial: { type: 'string' },
    },
  })
  const seed = Number(values.seed)
  const wanted = Number(values.kills)
  const only = values.trial === undefined ? undefined : Number(values.trial)
  const sums: Sums = { trials: 0, kills: 0, rows: 0, lost: 0, doubled: 0, failed: 0 }
  const trials = new Trials()
  let next = only ?? 0

  async function work(): Promise<void> {
    while (only === undefined ? sums.kills < wanted : next === only) {
      const number = next++
      const { name, kills } = randomTrial(seed, number)
      const repeat = `npm run chaos -- --seed ${String(seed)} --trial ${String(number)}`
      const how = `${name}, killed by ${kills.map(described).join(', ')}; again: ${repeat}`
      account(sums, await trials.run(name, kills), how)
      if (sums.trials % 10 === 0)
        console.log(`${String(sums.kills)} of ${String(wanted)} kills, ${String(sums.trials)} runs`)
    }
  }

  const jobs = only === undefined ? Number(values.jobs) : 1
  await Promise.all(Array.from({ length: jobs }, work))
  await trials.close()
  const { kills, rows, lost, doubled, failed, trials: runs } = sums
  console.log(
    `kills ${String(kills)}, runs ${String(runs)}, rows checked ${String(rows)}, lost ${String(lost)}, doubled ${String(doubled)}, runs that differ ${String(failed)}, seed ${String(seed)}`,
  )
  if (failed > 0) process.exitCode = 1
}

await main()
