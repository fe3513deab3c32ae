import { describe, expect, it } from 'vitest'
import { folderOf, millrace } from '../../helpers/command.ts'
import { expectGolden } from '../../helpers/golden.ts'
import { parts } from '../../helpers/pipelines.ts'

const text = `
import { Flow, heavy, requireField, binaryColumn, fixedShapeTensor } from 'millrace'
import { map, merge } from 'rxjs'
${parts}
const reads = (column: string) => operate<RecordBatch, RecordBatch>({
  name: 'reads-' + column,
  schema: (input) => { requireField(input, column, { owner: 'reads-' + column }); return input },
  start: () => ({ *next(batch) { yield batch } }),
  settings: { column },
})
const shared = rows(4)
export default {
  good: shared.pipe(refuse(), out()),
  bad: shared.pipe(reads('idd'), out()),
  foreign: rows(2, true).pipe(map((batch) => batch), reads('id')),
}
`

describe('millrace explain', () => {
  it('prints the plan, and ends with exit code 2 if it has errors', async () => {
    const folder = folderOf({ 'pipeline.ts': text })
    const { code, stdout } = await millrace(['explain', 'pipeline.ts'], { cwd: folder })
    expect(code).toBe(2)
    expectGolden(stdout, new URL('golden/explain.txt', import.meta.url))
  })

  it('prints the plan as JSON', async () => {
    const file = `${folderOf({ 'p.ts': `${parts}export default rows(1).pipe(out())` })}/p.ts`
    const { code, stdout } = await millrace(['explain', file, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      parts: [{ name: 'rows' }, { name: 'out', inputs: [1] }],
      memoryBytes: 2_000,
      guarantee: 'at-least-once',
    })
  })
})

describe('millrace check', () => {
  it('prints what it finds, and ends with exit code 2 if there are errors', async () => {
    const folder = folderOf({ 'pipeline.ts': text })
    const { code, stdout, stderr } = await millrace(['check', 'pipeline.ts'], { cwd: folder })
    expect([code, stderr]).toEqual([2, ''])
    expectGolden(stdout, new URL('golden/check.txt', import.meta.url))
    const json = await millrace(['check', 'pipeline.ts', '--json'], { cwd: folder })
    expect(json.code).toBe(2)
    expect(JSON.parse(json.stdout)).toMatchObject([
      { level: 'error', operator: 'reads-idd', column: 'idd', suggestion: 'id' },
      { level: 'note' },
      { level: 'note' },
    ])
  })

  it('says that there is nothing to say', async () => {
    const file = `${folderOf({ 'p.ts': `${parts}export default rows(1).pipe(out())` })}/p.ts`
    expect(await millrace(['check', file])).toEqual({
      code: 0,
      stdout: '',
      stderr: `${file}: no errors\n`,
    })
  })
})

describe('--require and --checkpoint', () => {
  it('refuse what cannot keep the promise, in run and check alike', async () => {
    const kept = `${parts}
import { map } from 'rxjs'
export default rows(1).pipe(map((batch) => batch), out())`
    const folder = folderOf({ 'p.ts': kept })
    const weak = /Expected sinks that promise exactly-once, got out, which promises at-least-once/
    const foreign = /Expected parts that can be resumed, got an RxJS operator after rows/
    const checked = await millrace(['check', 'p.ts', '--require', 'exactly-once', '--checkpoint'], {
      cwd: folder,
    })
    expect(checked.code).toBe(2)
    expect(checked.stdout).toMatch(weak)
    expect(checked.stdout).toMatch(foreign)
    const ran = await millrace(
      ['run', 'p.ts', '--require', 'exactly-once', '--checkpoint', 'kept'],
      { cwd: folder },
    )
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr).toMatch(weak)
    expect(ran.stderr).toMatch(foreign)
  })
})
