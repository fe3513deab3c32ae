import { type ChildProcess, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { checkpointed, checkpointName, killedRun, start } from './killed-run.ts'
import { Trials } from './trial.ts'

const trials = new Trials()
afterAll(() => trials.close())

const fine = { lost: 0, doubled: 0, differences: [] }
const timeout = { timeout: 300_000 }

/** Names in a folder that anybody sees. */
function visible(folder: string): string[] {
  return readdirSync(folder).filter((name) => !/^\.|\.tmp/.test(name))
}

describe('a full disk', () => {
  it('fails the run and publishes nothing; resumed with room it completes', timeout, async () => {
    const { command, out, finding } = await trials.begin('rows fit jsonl')
    // No file may have more than 8 × 512 bytes.
    const under = ['sh', '-c', 'ulimit -f 8; exec "$0" "$@"']
    const full = await checkpointed({ ...command, under }, { resume: false })
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(/^error: Expected .*EFBIG: file too large/m)
    expect(full.stderr).toMatch(/Make room there\nAfter mending it, go on with: .* --resume$/m)
    expect(visible(out)).toEqual([])
    expect(await finding(await checkpointed(command, { resume: true }))).toMatchObject(fine)
  })

  const tmpfs = canMount()
  it.skipIf(!tmpfs)(
    tmpfs
      ? 'does the same on a file system without room'
      : 'SKIPPED: a file system without room needs root, to mount one',
    timeout,
    async () => {
      const { command, out, finding } = await trials.begin('rows fit jsonl')
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', out])
      try {
        const filler = join(out, 'filler')
        writeFileSync(filler, Buffer.alloc(62 * 4096))
        const full = await checkpointed(command, { resume: false })
        expect(full.code).toBe(1)
        expect(full.stderr).toMatch(/^error: Expected .*ENOSPC: no space left on device/m)
        expect(full.stderr).toContain('Make room there')
        expect(visible(out)).toEqual(['filler'])
        rmSync(filler)
        expect(await finding(await checkpointed(command, { resume: true }))).toMatchObject(fine)
      } finally {
        execFileSync('umount', [out])
      }
    },
  )
})

describe('a folder of outputs that goes away', () => {
  it('fails the run; resumed with the folder it completes', timeout, async () => {
    const { command, out, finding } = await trials.begin('rows plain jsonl')
    const away = `${out}.away`
    function takeAway(child: ChildProcess): void {
      const looking = setInterval(() => {
        const names = existsSync(join(command.cwd, checkpointName))
          ? readdirSync(join(command.cwd, checkpointName))
          : []
        if (!names.some((name) => name.startsWith('manifest-'))) return
        clearInterval(looking)
        child.kill('SIGSTOP')
        renameSync(out, away)
        child.kill('SIGCONT')
      }, 1)
      child.on('close', () => {
        clearInterval(looking)
      })
    }
    const failed = await checkpointed({ ...command, onStart: takeAway }, { resume: false })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^error: Expected to write out\/.*ENOENT/m)
    expect(visible(away)).toEqual([])
    renameSync(away, out)
    expect(await finding(await checkpointed(command, { resume: true }))).toMatchObject(fine)
  })
})

describe('a clock that is set back and forth', () => {
  it('changes nothing of what a killed and resumed run leaves', timeout, async () => {
    const { command, finding } = await trials.begin('rows online parquet')
    const clock = join(command.cwd, 'clock.mjs')
    writeFileSync(clock, steppingClock)
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(clock).href}` }
    const processes = await killedRun({ ...command, env }, [
      { point: 'manifest: after rename', times: 2 },
      { point: 'sink: after stage', times: 2 },
    ])
    expect(processes.map(({ killedAt }) => killedAt)).toEqual([
      'manifest: after rename',
      'sink: after stage',
      undefined,
    ])
    expect(await finding(processes.at(-1))).toMatchObject(fine)
  })
})

/** Each look at the clock is up to a year before or after the true time. */
const steppingClock = `
const { now } = Date
let looks = 0
const year = 365 * 86_400_000
Date.now = () => now() + Math.round(Math.sin(looks++ * 2.3) * year)
globalThis.Date = class extends Date {
  constructor(...args) {
    super(...(args.length === 0 ? [globalThis.Date.now()] : args))
  }
}
Object.defineProperty(performance, 'timeOrigin', { get: () => Date.now() })
`

describe('a worker thread that dies', () => {
  it.each([
    { how: 'ends', got: 'one that ended with code 3' },
    { how: 'runs out of memory', got: 'one that failed: Worker terminated due to reaching memory' },
  ])(
    '$how: fails the run with the operator and the row; resumed it completes',
    timeout,
    async ({ how, got }) => {
      const { cwd } = (await trials.begin('rows plain jsonl')).command
      writeFileSync(join(cwd, 'mortal-task.mjs'), mortalTask)
      writeFileSync(join(cwd, 'pipeline.ts'), mortalPipeline)
      const command = { args: ['run', 'pipeline.ts', '--json', '--threads', '1'], cwd }
      const env = { DIE_AT: 'r37', DIE_HOW: how, NODE_OPTIONS: '--max-old-space-size=160' }
      const died = await checkpointed({ ...command, env }, { resume: false })
      expect(died.code).toBe(1)
      expect(died.stderr).toContain(`Expected worker thread \`task-worker\` to answer, got ${got}`)
      expect(died.stderr).toMatch(/\(mortal of .*`r37`/)
      expect(visible(join(cwd, 'out'))).toEqual([])
      const resumed = await checkpointed(command, { resume: true })
      expect(JSON.parse(resumed.stdout)).toMatchObject({ rows: 60, sinks: [{ rows: 60 }] })
    },
  )
})

/** Dies at one row, in one way. */
const mortalTask = `
export function start() {
  return {
    run({ id }) {
      if (id !== process.env.DIE_AT) return { seen: id }
      if (process.env.DIE_HOW === 'ends') process.exit(3)
      const held = []
      for (;;) held.push(Array.from({ length: 1e5 }, (_, i) => ({ i })))
    },
  }
}
`

const built = new URL('../../dist/src/', import.meta.url).href

const mortalPipeline = `
import { Field, Utf8 } from 'apache-arrow'
import { batchOf, source, textColumn } from 'millrace'
import { toJsonl } from 'millrace/connectors/to-jsonl'
import { rowTask } from '${built}tasks/row-tasks.js'

const row = (i) => batchOf([textColumn('id', ['r' + i])])
const rows = source({
  name: 'rows',
  schema: () => row(0).schema,
  async *read(_, from = 0) {
    for (let i = from; i < 60; i++) yield [row(i), i + 1]
  },
})
const mortal = rowTask({
  name: 'mortal',
  task: new URL('./mortal-task.mjs', import.meta.url).href,
  options: {},
  reads: ['id'],
  makes: ['seen'],
  fields: () => [new Field('seen', new Utf8(), true)],
  onError: 'fail',
})
export default rows.pipe(mortal, toJsonl('out/seen.jsonl'))
`

describe('a model that fails on a picture', () => {
  it('costs that picture alone', timeout, async () => {
    const { cwd } = (await trials.begin('files plain parquet')).command
    const { whiteRefusingModel } = await import('../helpers/tiny-model.ts')
    const { noise, plain } = await import('../helpers/pictures.ts')
    writeFileSync(join(cwd, 'white.onnx'), whiteRefusingModel([1, 3, 2, 2]))
    mkdirSync(join(cwd, 'pictures'))
    for (let i = 0; i < 12; i++)
      await noise(8, 8, i).toFile(join(cwd, 'pictures', `${String(i)}.png`))
    await plain(8, 8, [255, 255, 255]).toFile(join(cwd, 'pictures', 'white.png'))
    const args = ['fit', 'pictures', '--model', 'white.onnx', '--out', 'models', '--json']
    const ended = await start({ args, cwd })
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({ items: 12, rejects: 1 })
  })
})

/** Whether this user may mount a file system. */
function canMount(): boolean {
  const folder = '/mnt'
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
