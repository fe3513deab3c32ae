// How long `millrace --help` takes, process start included, beside what Node itself takes to start.
// Run: npx jiti bench/help.ts
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const runs = 15

function milliseconds(args: readonly string[]): number {
  const started = performance.now()
  const { status } = spawnSync(process.execPath, args)
  if (status !== 0) throw new Error(`Expected exit code 0, got ${String(status)}`)
  return performance.now() - started
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

const help: number[] = []
const node: number[] = []
for (let i = 0; i < runs; i++) {
  node.push(milliseconds(['-e', '0']))
  help.push(milliseconds([main, '--help']))
}
console.log(
  `medians of ${String(runs)} runs: node ${median(node).toFixed(0)} ms, millrace --help ${median(help).toFixed(0)} ms`,
)
if (median(help) > 300) throw new Error('Expected --help to answer in 300 ms')
