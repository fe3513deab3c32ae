import { describe, expect, it } from 'vitest'
import { byteSize, count, duration, plural, printable, table } from '../../../src/cli/output.ts'

describe('byteSize', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_951, '1.0 MB'],
    [2_500_000_000, '2.5 GB'],
    [3e15, '3000.0 TB'],
  ])('%d', (bytes, text) => {
    expect(byteSize(bytes)).toBe(text)
  })
})

describe('duration', () => {
  it.each([
    [0.04, '0.0 s'],
    [59.94, '59.9 s'],
    [59.96, '1:00 min'],
    [60, '1:00 min'],
    [3_599.4, '59:59 min'],
    [3_599.6, '1:00:00 h'],
    [90_061, '25:01:01 h'],
  ])('%d', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})

describe('table', () => {
  it('lines its columns up and pads no line at its end', () => {
    expect(table([['a', 'long', 'x'], ['bcd', '', 'y'], ['e']], '  ')).toBe(
      '  a    long  x\n  bcd        y\n  e',
    )
    expect(table([])).toBe('')
  })

  it('escapes control characters, and counts them as they are shown', () => {
    expect(
      table([
        ['a\nb', 'x'],
        ['\u001b[2J\u0085', 'y'],
      ]),
    ).toBe('a\\nb         x\n\\x1b[2J\\x85  y')
  })
})

describe('printable', () => {
  it.each([
    ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
    ['\u009b2J \u007f', '\\x9b2J \\x7f'],
    ['gnp.\u202exe', 'gnp.\\u202exe'],
    ['two\nlines\tä 日本', 'two\nlines\tä 日本'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected)
  })
})

describe('plural and count', () => {
  it.each([
    [0, '0 rows'],
    [1, '1 row'],
    [1_234_567, '1,234,567 rows'],
  ])('%d', (n, text) => {
    expect(plural(n, 'row')).toBe(text)
  })

  it('rounds', () => {
    expect(count(2.5)).toBe('3')
  })
})
