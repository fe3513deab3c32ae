import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Case, type CaseName, cases, fitForScore } from './cases.ts'
import { makeInputs } from './inputs.ts'
import { type Command, type Ended, type Kill, killedRun, start } from './killed-run.ts'
import { compare, type Finding, type Outcome, outcomeOf, seenTooEarly, untimed } from './outcome.ts'

/** What came of a run that was killed and resumed. */
export interface Trial extends Finding {
  /** Every process, in order. */
  readonly processes: readonly Ended[]
  /** Where it ran; removed if nothing was wrong. */
  readonly folder: string
}

/** A case that is about to be run. */
export interface Begun {
  readonly command: Command
  /** The folder of its outputs. */
  readonly out: string
  /** What of its outputs can be seen and is not as it is in the end. */
  readonly early: () => Promise<readonly string[]>
  /** Compares what is there, once a process has `ended` the run. */
  readonly finding: (ended: Ended | undefined) => Promise<Finding>
}

/** The inputs of all trials, and what runs that are not killed make of them. */
export class Trials {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  readonly #references = new Map<CaseName, Promise<{ outcome: Outcome; sums: string }>>()
  #inputs: Promise<string> | undefined
  #count = 0

  /** Runs a case under a checkpoint, killed at each of `kills`, and compares what it left. */
  async run(name: CaseName, kills: readonly Kill[]): Promise<Trial> {
    const { command, early, finding } = await this.begin(name)
    const seen: string[] = []
    const processes = await killedRun(command, kills, async () => {
      for (const difference of await early()) seen.push(`after a kill: ${difference}`)
    })
    const found = await finding(processes.at(-1))
    const trial = { ...found, differences: [...seen, ...found.differences], processes }
    if (trial.lost + trial.doubled + trial.differences.length === 0)
      rmSync(command.cwd, { recursive: true })
    return { ...trial, folder: command.cwd }
  }

  /** A case in a folder of its own, to be run in whatever way. */
  async begin(name: CaseName): Promise<Begun> {
    const given = cases[name]
    const [inputs, reference] = await Promise.all([this.#made(), this.#reference(name)])
    const folder = this.#newFolder()
    async function outcome() {
      return { found: await outcomeOf(given, join(folder, 'out')), reference: reference.outcome }
    }
    return {
      command: { args: given.args(inputs, 'out'), cwd: folder },
      out: join(folder, 'out'),
      early: async () => seenTooEarly(given, await outcome()),
      async finding(ended) {
        const finding = compare(given, given.ids(inputs), await outcome())
        const sums = otherSums(sumsOf(given, ended), reference.sums)
        return { ...finding, differences: [...endedWell(ended), ...sums, ...finding.differences] }
      },
    }
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
  // How rows are spread over parts depends on the checkpoints.
  return untimed(JSON.parse(ended.stdout), same === 'bytes' ? [] : ['sinks'])
}
