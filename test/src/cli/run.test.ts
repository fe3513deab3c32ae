import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ended, folderOf, millrace } from '../../helpers/command.ts'
import { parts, stuck } from '../../helpers/pipelines.ts'

function pipeline(end: string): string {
  return `${folderOf({ 'pipeline.ts': `${parts}\n${stuck}\nexport default ${end}\n` })}/pipeline.ts`
}

/** Runs a flow that does not end: sends the first signal once it waits, the second at the answer. */
function interrupted(file: string, signals: readonly NodeJS.Signals[]): Promise<Ended> {
  let sent = 0
  return millrace(['run', file], {
    onStderr(text, kill) {
      const due = [text.includes('waiting'), text.includes('; again to end at once')]
      for (; due[sent] === true && sent < signals.length; sent++) kill(signals[sent] ?? 'SIGKILL')
    },
  })
}

describe('millrace run', () => {
  it('runs a pipeline and says what it did on stderr', async () => {
    const { code, stdout, stderr } = await millrace([
      'run',
      pipeline('rows(5).pipe(refuse(), out())'),
    ])
    expect([code, stdout]).toEqual([0, 'published row0 row1 row2 row4\n'])
    expect(stderr).toMatch(/^out: 4 rows, 28 B in stdout\n5 rows read, 1 reject, \d\.\d s\n$/)
  })

  it('prints the summary as JSON', async () => {
    const file = pipeline('rows(5).pipe(refuse())')
    const { code, stdout, stderr } = await millrace(['run', file, '--json'])
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 5,
      rejected: 1,
      drained: false,
      sinks: [],
      operators: [
        { name: 'rows', rowsIn: 5, rowsKept: 5, rejected: 0, dropped: 0 },
        { name: 'refuse', rowsIn: 5, rowsKept: 4, rejected: 1, dropped: 0 },
      ],
    })
  })

  it('writes the rejects to a Parquet file', async () => {
    const file = pipeline('[rows(5).pipe(refuse(), out()), rows(15).pipe(refuse(), out())]')
    const rejects = `${dirname(file)}/rejects.parquet`
    const { code, stderr } = await millrace(['run', file, '--rejects', rejects])
    expect(code).toBe(0)
    expect(stderr).toContain(`toParquet: 3 rows, `)
    const { stdout } = await millrace(['inspect', rejects, '--json'])
    const { head } = JSON.parse(stdout) as { head: Record<string, unknown>[] }
    const known = { operator: 'refuse', code: 'DATA', message: 'Expected no 3', attempt: 1 }
    expect(head).toEqual(['row3', 'row3', 'row13'].map((id) => ({ id, ...known })))
  })

  it('refuses a pipeline that is wired wrongly with exit code 2, before it runs', async () => {
    const wrong = `rows(5).pipe(operate<RecordBatch, RecordBatch>({
      name: 'wrong',
      schema: (input) => requireField(input, 'ids', { owner: 'wrong' }) && input,
      start: () => { throw new Error('it ran') },
    }), out())`
    const text = `import { requireField } from 'millrace'\n${parts}\nexport default ${wrong}\n`
    const folder = folderOf({ 'pipeline.ts': text })
    expect(await millrace(['run', 'pipeline.ts'], { cwd: folder })).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error: Expected column `ids` for wrong, got columns id; did you mean `id`? (in wrong)\n  in the pipeline pipeline.ts\n',
    })
  })

  it('fails with exit code 1 when the run fails, and publishes nothing', async () => {
    const failing = `rows(5).pipe(operate(() => ({
      *next(batch) { if (String(batch.getChild('id').get(0)) === 'row3') throw new Error('three'); yield batch },
    })), out())`
    expect(await millrace(['run', pipeline(failing)])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'aborted\nerror: three\n',
    })
  })

  it('fails with exit code 1 when too many rows are rejects', async () => {
    const file = pipeline('rows(200).pipe(refuse(), out())')
    const { code, stdout, stderr } = await millrace(['run', file, '--max-reject-ratio', '0.05'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      'aborted\nerror: Expected at most 5 % of rows to be rejects, got 11 of 104; the last, `row103`, from refuse: Expected no 3\n',
    )
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'stops a bounded run at %s with exit code %i, publishing nothing',
    async (name, code) => {
      expect(await interrupted(pipeline('stuck(true).pipe(out())'), [name])).toEqual({
        code,
        stdout: '',
        stderr: `waiting\n${name}: stopping; again to end at once\naborted\nstopped by ${name}: nothing was published\n`,
      })
    },
  )

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('drains an unbounded run at %s with exit code %i, publishing', async (name, code) => {
    const ended = await interrupted(pipeline('stuck(false).pipe(out())'), [name])
    expect([ended.code, ended.stdout]).toEqual([code, 'published row0\n'])
  })

  it('ends at once at the second signal', async () => {
    const deaf = `new Flow(async function* () {
      process.stderr.write('waiting\\n')
      setInterval(() => undefined, 1_000)
      await new Promise(() => undefined)
    })`
    const text = `import { Flow } from 'millrace'\nexport default ${deaf}\n`
    const file = `${folderOf({ 'pipeline.ts': text })}/pipeline.ts`
    expect(await interrupted(file, ['SIGINT', 'SIGINT'])).toMatchObject({ code: 'SIGINT' })
  })

  it('says which part holds it up, with --stall', async () => {
    const file = pipeline('stuck(true).pipe(refuse(), out())')
    let told = false
    const { code, stderr } = await millrace(['run', file, '--stall', '40ms'], {
      onStderr(text, kill) {
        if (told || !text.includes('`stuck` has been asked for rows and gives none')) return
        told = true
        kill('SIGTERM')
      },
    })
    expect(code).toBe(143)
    expect(stderr).toMatch(/^no row has moved for 0\.\d+ s: `stuck` has been asked/m)
  })
})
