import { describe, expect, it } from 'vitest'
import { resumeCommand } from '../../../src/cli/resume-command.ts'

const linked = '/opt/bin/millrace'
const built = '/home/me/dist/src/cli/main.js'

describe('resumeCommand', () => {
  it.each([
    ['a linked command', linked, ['run', 'p.ts'], 'millrace run p.ts --resume'],
    ['a file below', built, ['run', 'p.ts'], 'node dist/src/cli/main.js run p.ts --resume'],
    ['a file elsewhere', '/else/main.js', ['run'], 'node /else/main.js run --resume'],
    [
      'what a shell would take apart',
      linked,
      ['report', 'my photos', "a'b", '*.jpg', 'train=x', ''],
      String.raw`millrace report 'my photos' 'a'\''b' '*.jpg' train=x '' --resume`,
    ],
    [
      'what is for the pipeline',
      linked,
      ['run', 'p.ts', '--', '--resume'],
      'millrace run p.ts --resume -- --resume',
    ],
    ['a run that was resumed', linked, ['run', '--resume', 'p.ts'], 'millrace run --resume p.ts'],
  ])('repeats %s', (_name, script, args, expected) => {
    const argv = ['/usr/bin/node', script, ...args]
    expect(resumeCommand({ argv, cwd: '/home/me', env: {} })).toBe(expected)
  })

  it('repeats npx', () => {
    const argv = ['/usr/bin/node', '/cache/.bin/millrace', 'run', 'p.ts']
    const typed = { argv, cwd: '/home/me', env: { npm_command: 'exec' } }
    expect(resumeCommand(typed)).toBe('npx millrace run p.ts --resume')
  })
})
