/**
 * Simulates runs and checkpoint stores that crash, for many seeds: `node test/chaos/simulate.ts FROM TO`.
 * Prints a line per seed that fails, and one for all.
 */
import { simulateRun } from '../helpers/simulated-run.ts'
import { simulateStore } from '../helpers/simulated-store.ts'

const [from = 1, to = 10_000] = process.argv.slice(2).map(Number)
const started = Date.now()
let deaths = 0
let rows = 0
let failed = 0
for (let seed = from; seed <= to; seed++) {
  const store = await simulateStore(seed)
  const simulated = await simulateRun(seed)
  deaths += simulated.deaths
  rows += simulated.rows
  const failure = simulated.failure ?? (store === undefined ? undefined : `store: ${store}`)
  if (failure === undefined) continue
  failed++
  process.stdout.write(
    `seed ${String(seed)}: ${failure}\n  node test/chaos/simulate.ts ${String(seed)} ${String(seed)}\n`,
  )
}
const seconds = ((Date.now() - started) / 1_000).toFixed(0)
process.stdout.write(
  `${String(to - from + 1)} seeds, ${String(deaths)} crashes, kills and failures, ${String(rows)} rows checked, ${String(failed)} failed, ${seconds} s\n`,
)
process.exitCode = failed > 0 ? 1 : 0
