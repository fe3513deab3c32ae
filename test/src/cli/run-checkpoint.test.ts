import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ended, folderOf, millrace } from '../../helpers/command.ts'
import { halting, parts } from '../../helpers/pipelines.ts'

/** Writes a pipeline into a folder of its own, where it is run; returns its path. */
function pipeline(end: string): string {
  const text = `${parts}\n${halting}\nexport default ${end}\n`
  return join(folderOf({ 'pipeline.ts': text }), 'pipeline.ts')
}

/** Runs a pipeline with checkpoints; sends `signal` once its source waits. */
function checkpointed(
  file: string,
  { signal, args = [] }: { signal?: NodeJS.Signals; args?: readonly string[] },
): Promise<Ended> {
  let sent = false
  return millrace(['run', file, '--checkpoint', 'kept', ...args], {
    cwd: dirname(file),
    onStderr(text, kill) {
      if (!signal || sent || !text.includes('waiting')) return
      sent = true
      kill(signal)
    },
  })
}

/** The arguments of the command that `stderr` says to go on with. */
function goOnArgs(stderr: string): readonly string[] {
  const [, command = ''] = /[Gg]o on with: node \S+main\.js (.*)\n/.exec(stderr) ?? []
  return command.split(' ')
}

function linesIn(file: string): readonly string[] {
  const lines = readFileSync(join(dirname(file), 'out.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => (JSON.parse(line) as { id: string }).id)
}

const bounded = `halting(true).pipe(toJsonl('out.jsonl'))`

describe('millrace run --checkpoint', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)(
    'takes a last checkpoint at %s, exits %i, and the command that it prints does the rest',
    async (signal, code) => {
      const file = pipeline(bounded)
      const ended = await checkpointed(file, { signal })
      expect(ended).toMatchObject({ code, stdout: '' })
      expect(ended.stderr).toMatch(
        new RegExp(
          `^waiting\n${signal}: taking a last checkpoint; again to end at once\nstopped by ${signal}: checkpoint 1 is in place, nothing is published yet\nGo on with: node `,
        ),
      )
      expect(existsSync(join(dirname(file), 'out.jsonl'))).toBe(false)
      const resumed = await millrace(goOnArgs(ended.stderr), { cwd: dirname(file) })
      expect(resumed.code).toBe(0)
      expect(resumed.stderr).toMatch(/^resumed from checkpoint 1\ntoJsonl: 5 rows, /)
      expect(linesIn(file)).toEqual(['row0', 'row1', 'row2', 'row3', 'row4'])
    },
  )

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('drains a run that does not end at %s with exit code %i', async (signal, code) => {
    const file = pipeline(`halting(false).pipe(toJsonl('parts'))`)
    const ended = await checkpointed(file, { signal })
    expect(ended.code).toBe(code)
    expect(goOnArgs(ended.stderr)).toEqual(['run', file, '--checkpoint', 'kept', '--resume'])
  })

  it('says how to go on when the run fails', async () => {
    const failing = `operate<RecordBatch, RecordBatch>(() => ({
      *next(batch) { if (String(batch.getChild('id').get(0)) === 'row2') throw new Error('two'); yield batch },
    }))`
    const file = pipeline(`rows(5).pipe(${failing}, toJsonl('out.jsonl'))`)
    const { code, stderr } = await checkpointed(file, {})
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: two\nAfter mending it, go on with: node .* --resume\n$/)
    expect(existsSync(join(dirname(file), 'out.jsonl'))).toBe(false)
  })

  it('starts at the beginning where there is no checkpoint, and does not run again what has finished', async () => {
    const file = pipeline(`rows(5).pipe(toJsonl('out.jsonl'))`)
    const first = await checkpointed(file, { args: ['--resume'] })
    expect(first).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^no checkpoint in kept: starting at the beginning\ntoJsonl: 5 rows/,
      ) as unknown,
    })
    const again = await checkpointed(file, { args: ['--resume'] })
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^the run in kept has finished: its rows are not read again\ntoJsonl: 5 rows/,
      ) as string,
    })
  })

  it('refuses an unfinished run, and --resume or --every without a folder, with exit code 2', async () => {
    const file = pipeline(bounded)
    await checkpointed(file, { signal: 'SIGTERM' })
    expect(await checkpointed(file, {})).toMatchObject({
      code: 2,
      stderr:
        'error: Expected a new checkpoint folder, got the unfinished run in `kept` (checkpoint 1): go on with it (--resume), or remove the folder to start over\n',
    })
    for (const args of [['--resume'], ['--every', '5m']])
      expect(await millrace(['run', file, ...args])).toMatchObject({
        code: 2,
        stderr: `error: Expected ${args[0] ?? ''} to come with --checkpoint DIR\n`,
      })
  })
})
