import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { checkpointOf, timeOf, timeOrOffOf } from '../../../src/cli/options.ts'
import { UsageError } from '../../../src/cli/usage-error.ts'

describe('timeOf', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5 s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['596h', 2_145_600_000],
  ])('takes %s for %i ms', (text, ms) => {
    expect(timeOf(text)).toBe(ms)
  })

  it.each(['', '30', '0s', '0.1ms', '-1s', 's', '5 min', '1e3s', '597h'])(
    'refuses `%s`',
    (text) => {
      expect(() => timeOf(text)).toThrow(InvalidArgumentError)
    },
  )
})

describe('timeOrOffOf', () => {
  it.each([
    ['off', 0],
    ['0', 0],
    ['90s', 90_000],
  ])('takes %s for %i ms', (text, ms) => {
    expect(timeOrOffOf(text)).toBe(ms)
  })

  it.each(['', 'on', '60', '0s'])('refuses `%s`', (text) => {
    expect(() => timeOrOffOf(text)).toThrow(InvalidArgumentError)
  })
})

describe('checkpointOf', () => {
  it.each([
    ['nothing', {}, undefined],
    ['a resume that is not wanted', { resume: false }, undefined],
    ['a folder', { checkpoint: 'c' }, { folder: 'c' }],
    [
      'all of them',
      { checkpoint: 'c', every: 500, resume: true },
      { folder: 'c', everyMs: 500, resume: true },
    ],
  ])('answers %s', (_name, flags, expected) => {
    expect(checkpointOf(flags)).toEqual(expected)
  })

  it.each([
    [{ every: 500 }, 'Expected --every to come with --checkpoint DIR'],
    [{ resume: true }, 'Expected --resume to come with --checkpoint DIR'],
    [{ checkpoint: '' }, 'Expected --checkpoint to be given a folder'],
  ])('refuses %j', (flags, message) => {
    expect(() => checkpointOf(flags)).toThrow(new UsageError(message))
  })
})
