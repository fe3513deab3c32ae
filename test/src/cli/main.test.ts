import { describe, expect, it } from 'vitest'
import { millrace } from '../../helpers/command.ts'
import { expectGolden } from '../../helpers/golden.ts'

const commands = [
  'report',
  'fit',
  'score',
  'export',
  'compare',
  'stats',
  'run',
  'check',
  'explain',
  'list',
  'describe',
  'inspect',
  'doctor',
  'replay',
]

describe('millrace', () => {
  it.each(['', ...commands])('prints help for `%s`', async (command) => {
    const { code, stdout } = await millrace([...(command ? [command] : []), '--help'])
    expect(code).toBe(0)
    expectGolden(stdout, new URL(`golden/help-${command || 'main'}.txt`, import.meta.url))
  })

  it('prints its version', async () => {
    const { code, stdout } = await millrace(['--version'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
  })

  it.each([
    [['rnu'], "error: unknown command 'rnu'\n(Did you mean run?)\n"],
    [['run', '--sed', '1', 'x.ts'], "error: unknown option '--sed'\n(Did you mean --seed?)\n"],
    [['run'], "error: missing required argument 'pipeline'\n"],
    [
      ['run', '--seed', 'one', 'x.ts'],
      "error: option '--seed <n>' argument 'one' is invalid. Expected a whole number.\n",
    ],
    [
      ['run', '--max-reject-ratio', '7', 'x.ts'],
      "error: option '--max-reject-ratio <r>' argument '7' is invalid. Expected a number from 0 to 1.\n",
    ],
    [['list', 'more'], "error: too many arguments for 'list'. Expected 0 arguments but got 1.\n"],
  ])('refuses %j with exit code 2', async (args, stderr) => {
    expect(await millrace(args)).toEqual({ code: 2, stdout: '', stderr })
  })
})
