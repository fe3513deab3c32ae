import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Case, type CaseName, cases, fitForScore } from './cases.ts'
import { makeInputs } from './inputs.ts'
import { type Ended, type Kill, killedRun, start } from './killed-run.ts'
import { compare, type Finding, type Outcome, outcomeOf, seenTooEarly } from './outcome.ts'

/** What came of a run that was killed and resumed. */
export interface Trial extends Finding {
  /** Every process, in order. */
  readonly processes: readonly Ended[]
  /** Where it ran; removed if nothing was wrong. */
  readonly folder: string
}

/** The inputs of all trials, and what runs that are not killed make of them. */
export class Trials {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  readonly #references = new Map<CaseName, Promise<{ outcome: Outcome; sums: string }>>()
  #inputs: Promise<string> | undefined
  #count = 0

  /** Runs a case under a checkpoint, killed at each of `kills`, and compares what it left. */
  async run(name: CaseName, kills: readonly Kill[]): Promise<Trial> {
    const given = cases[name]
    const [inputs, reference] = await Promise.all([this.#made(), this.#reference(name)])
    const folder = this.#newFolder()
    const args = given.args(inputs, 'out')
    const early: string[] = []
    const processes = await killedRun({ args, cwd: folder }, kills, async () => {
      const found = await outcomeOf(given, join(folder, 'out'))
      early.push(...seenTooEarly(given, { found, reference: reference.outcome }))
    })
    const found = await outcomeOf(given, join(folder, 'out'))
    const finding = compare(given, given.ids(inputs), { found, reference: reference.outcome })
    const differences = [
      ...early.map((difference) => `after a kill: ${difference}`),
      ...endedWell(processes.at(-1)),
      ...otherSums(sumsOf(given, processes.at(-1)), reference.sums),
      ...finding.differences,
    ]
    const fine = finding.lost + finding.doubled + differences.length === 0
    if (fine) rmSync(folder, { recursive: true })
    return { ...finding, differences, processes, folder }
  }

  /** Removes everything but the folders of trials in which something was wrong. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#references.values())
    if (this.#inputs) rmSync(await this.#inputs, { recursive: true, force: true })
  }

  #made(): Promise<string> {
    return (this.#inputs ??= (async () => {
      const inputs = join(this.#folder, 'inputs')
      mkdirSync(inputs)
      await makeInputs(inputs)
      await ran({ args: fitForScore(inputs), cwd: this.#folder })
      return inputs
    })())
  }

  #reference(name: CaseName): Promise<{ outcome: Outcome; sums: string }> {
    const known = this.#references.get(name)
    if (known) return known
    const made = this.#made().then(async (inputs) => {
      const folder = this.#newFolder()
      const ended = await ran({ args: cases[name].args(inputs, 'out'), cwd: folder })
      const outcome = await outcomeOf(cases[name], join(folder, 'out'))
      rmSync(folder, { recursive: true })
      return { outcome, sums: sumsOf(cases[name], ended) }
    })
    this.#references.set(name, made)
    return made
  }

  #newFolder(): string {
    const folder = join(this.#folder, String(this.#count++))
    mkdirSync(join(folder, 'out'), { recursive: true })
    return folder
  }
}

async function ran(command: { readonly args: readonly string[]; readonly cwd: string }) {
  const ended = await start(command)
  const [problem] = endedWell(ended)
  if (problem !== undefined) throw new Error(problem)
  return ended
}

function endedWell(ended: Ended | undefined): readonly string[] {
  if (ended?.code === 0) return []
  return [`its last process ended with code ${String(ended?.code)}: ${ended?.stderr ?? ''}`]
}

function otherSums(got: string, expected: string): readonly string[] {
  return got === expected ? [] : [`its sums are ${got}, not ${expected}`]
}

/** What a run says of its rows and files, without times. */
function sumsOf({ same }: Case, ended: Ended | undefined): string {
  if (ended?.code !== 0) return ''
  const summary = JSON.parse(ended.stdout) as Record<string, unknown>
  const times = ['seconds', 'startedAt', 'timings', 'drained', 'checkpoint']
  const timed = [...times, ...(same === 'bytes' ? [] : ['sinks'])]
  return JSON.stringify(Object.entries(summary).filter(([key]) => !timed.includes(key)))
}
