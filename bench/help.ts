// How long `millrace --help` takes, process start included. Run: npx jiti bench/help.ts
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const runs = 15

const times: number[] = []
for (let i = 0; i < runs; i++) {
  const started = performance.now()
  const { status } = spawnSync(process.execPath, [main, '--help'])
  if (status !== 0) throw new Error(`Expected exit code 0, got ${String(status)}`)
  times.push(performance.now() - started)
}
times.sort((a, b) => a - b)
const median = times[Math.floor(runs / 2)] ?? NaN
console.log(
  `millrace --help, ${String(runs)} runs: median ${median.toFixed(0)} ms, worst ${times.at(-1)?.toFixed(0) ?? ''} ms`,
)
if (median > 300) throw new Error('Expected a median below 300 ms')
