import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { failPoint, failPoints } from '../../../src/run/fail-point.ts'

const built = new URL('../../../dist/src/run/fail-point.js', import.meta.url).href

/** Comes by the named places in a process of its own; says how it ended. */
function comeBy(names: readonly string[], setting: string | undefined) {
  const script = `const { failPoint } = await import('${built}')
    for (const name of ${JSON.stringify(names)}) { console.log(name); failPoint(name) }`
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...process.env, MILLRACE_FAIL_POINT: setting } },
  )
  return { end: signal ?? status, passed: stdout.trim().split('\n').length, stderr }
}

const a = 'manifest: before rename'
const b = 'manifest: after rename'

describe('failPoint', () => {
  it.each([
    { setting: undefined, end: 0, passed: 4, stderr: '' },
    { setting: '', end: 0, passed: 4, stderr: '' },
    { setting: `${a}:1`, end: 'SIGKILL', passed: 1, stderr: `killed at ${a}\n` },
    { setting: `${a}:2`, end: 'SIGKILL', passed: 3, stderr: `killed at ${a}\n` },
    { setting: `${a}:3`, end: 0, passed: 4, stderr: '' },
    { setting: `${b}:1`, end: 'SIGKILL', passed: 2, stderr: `killed at ${b}\n` },
    { setting: '*:2', end: 'SIGKILL', passed: 2, stderr: `killed at ${b}\n` },
    { setting: '*:4', end: 'SIGKILL', passed: 4, stderr: `killed at ${b}\n` },
    { setting: '*:5', end: 0, passed: 4, stderr: '' },
  ])('with $setting ends by $end after $passed', ({ setting, ...expected }) => {
    expect(comeBy([a, b, a, b], setting)).toEqual(expected)
  })

  it.each(['manifest', a, `${a}:0`, `${a}:x`, 'before rename:1', ':1', '*'])(
    'refuses %s',
    (setting) => {
      const { end, stderr } = comeBy([a], setting)
      expect(end).toBe(1)
      expect(stderr).toContain(`manifest: before rename:1\`, got \`${setting}\``)
    },
  )

  it('takes no name that is not in the list', () => {
    // @ts-expect-error: a wrong name does not compile
    failPoint('manifest: befor rename')
    expect(new Set(failPoints).size).toBe(failPoints.length)
  })
})
