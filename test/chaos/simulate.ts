/**
 * Simulates runs and checkpoint stores on disks that crash and fail, for the seeds from one number to another:
 *
 *   npx jiti test/chaos/simulate.ts 1 10000
 *
 * Prints what was wrong with each seed that failed and how to repeat it, and one line for all.
 */
import { simulateEndless } from '../helpers/simulated-endless.ts'
import { simulateRun } from '../helpers/simulated-run.ts'
import { simulateStore } from '../helpers/simulated-store.ts'

const [from = 1, to = 10_000] = process.argv.slice(2).map(Number)
const started = Date.now()
let deaths = 0
let rows = 0
let failed = 0
for (let seed = from; seed <= to; seed++) {
  const simulated = await simulateRun(seed)
  const shared = await simulateRun(seed, { shared: true })
  deaths += simulated.deaths + shared.deaths
  rows += simulated.rows + shared.rows
  const failures = [
    ['run', simulated.failure],
    ['run with shared tables', shared.failure],
    ['endless run', await simulateEndless(seed)],
    ['store', await simulateStore(seed)],
  ].flatMap(([what, failure]) => (failure === undefined ? [] : [`${String(what)}: ${failure}`]))
  if (failures.length === 0) continue
  failed++
  const again = `npx jiti test/chaos/simulate.ts ${String(seed)} ${String(seed)}`
  process.stdout.write(`seed ${String(seed)}: ${failures.join('; ')}\n  ${again}\n`)
}
const seconds = ((Date.now() - started) / 1_000).toFixed(0)
process.stdout.write(
  `${String(to - from + 1)} seeds, ${String(deaths)} crashes, kills and failures, ${String(rows)} rows checked, ${String(failed)} failed, ${seconds} s\n`,
)
process.exitCode = failed > 0 ? 1 : 0
