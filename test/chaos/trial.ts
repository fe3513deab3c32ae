import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Case, type CaseName, cases, fitForScore } from './cases.ts'
import { makeInputs } from './inputs.ts'
import { type Command, type Ended, type Kill, killedRun, start } from './killed-run.ts'
import { bucket, type S3, startS3 } from '../helpers/s3-proxy.ts'
import { filesUnder } from '../helpers/workflows.ts'
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
  readonly #buckets: S3[] = []
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
    const place = await this.#newPlace(given)
    const { out } = place
    async function outcome() {
      await place.fetch()
      return { found: await outcomeOf(given, out), reference: reference.outcome }
    }
    return {
      command: place.command(inputs),
      out,
      early: async () => seenTooEarly(given, await outcome()),
      async finding(ended) {
        const finding = compare(given, given.ids(inputs), await outcome())
        const sums = otherSums(sumsOf(given, ended), reference.sums)
        const left = place.uploads().map((key) => `an upload of ${key} was left open`)
        const { differences } = finding
        return { ...finding, differences: [...endedWell(ended), ...sums, ...left, ...differences] }
      },
    }
  }

  /** Removes everything but the folders of trials in which something was wrong. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#references.values())
    if (this.#inputs) rmSync(await this.#inputs, { recursive: true, force: true })
    await Promise.all(this.#buckets.map((s3) => s3.close()))
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
      const { folder, out, command, fetch } = await this.#newPlace(cases[name])
      const ended = await ran(command(inputs))
      await fetch()
      const outcome = await outcomeOf(cases[name], out)
      rmSync(folder, { recursive: true })
      return { outcome, sums: sumsOf(cases[name], ended) }
    })
    this.#references.set(name, made)
    return made
  }

  async #newPlace({ args, inBucket, keptInBucket }: Case): Promise<Place> {
    const name = String(this.#count++)
    const folder = join(this.#folder, name)
    const out = join(folder, 'out')
    mkdirSync(out, { recursive: true })
    if (keptInBucket) {
      const { env } = await this.#bucket()
      const checkpoint = `s3://${bucket}/checkpoint`
      return {
        ...{ folder, out, fetch: () => Promise.resolve(), uploads: () => [] },
        command: (inputs) => ({ args: args(inputs, 'out'), cwd: folder, checkpoint, env }),
      }
    }
    if (!inBucket)
      return {
        ...{ folder, out, fetch: () => Promise.resolve(), uploads: () => [] },
        command: (inputs) => ({ args: args(inputs, 'out'), cwd: folder }),
      }
    // One each: what is written tells where it was to go.
    const s3 = await this.#bucket()
    return {
      ...{ folder, out, uploads: () => s3.openUploads() },
      async fetch() {
        rmSync(out, { recursive: true })
        mkdirSync(out)
        for (const key of await s3.keys('out/')) {
          const path = join(folder, key)
          mkdirSync(dirname(path), { recursive: true })
          writeFileSync(path, (await s3.get(key)) ?? '')
        }
      },
      command: (inputs) => ({
        args: args(inputs, `s3://${bucket}/out`, `s3://${bucket}/inputs`),
        cwd: folder,
        env: s3.env,
      }),
    }
  }

  /** A bucket with the inputs. */
  async #bucket(): Promise<S3> {
    const [s3, inputs] = await Promise.all([startS3(), this.#made()])
    this.#buckets.push(s3)
    for (const name of filesUnder(inputs))
      await s3.put(`inputs/${name}`, readFileSync(join(inputs, name)))
    return s3
  }
}

/** Where a case runs. */
interface Place {
  readonly folder: string
  /** The folder of its outputs, here. */
  readonly out: string
  readonly command: (inputs: string) => Command
  /** Fetches the outputs, if they are in a bucket. */
  readonly fetch: () => Promise<void>
  /** Keys of uploads that are open. */
  readonly uploads: () => readonly string[]
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
