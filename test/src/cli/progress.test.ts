import { describe, expect, it } from 'vitest'
import { progressView, type Terminal } from '../../../src/cli/progress.ts'
import type { Progress } from '../../../src/run/run.ts'

interface Screen extends Terminal {
  written: string
}

function screen(isTTY: boolean, columns = 80): Screen {
  const made: Screen = {
    isTTY,
    columns,
    written: '',
    write(text) {
      made.written += text
    },
  }
  return made
}

/** What is shown for `seen`, the carriage return and the clearing of the line as `<`. */
function shown(terminal: Screen, seen: readonly Progress[], quiet = false): string {
  const view = progressView(terminal, { quiet })
  for (const progress of seen) view.update(progress)
  view.close()
  return terminal.written.replaceAll('\r\u001b[K', '<')
}

const at = (seconds: number, rows: number, total?: number, rejected = 0): Progress => ({
  rows,
  rejected,
  seconds,
  ...(total !== undefined && { total }),
})

describe('progressView', () => {
  const onTerminal: { name: string; seen: Progress[]; columns?: number; expected: string }[] = [
    {
      name: 'a bar with rate and time left where the total is known',
      seen: [at(1, 100, 400), at(2, 200, 400, 1)],
      expected:
        '<[########----------------------]  25 %  100 of 400 rows, 100/s, 3.0 s left' +
        '<[#############------------]  50 %  200 of 400 rows, 100/s, 2.0 s left, 1 reject<',
    },
    {
      name: 'rows, rate and time where it is not',
      seen: [at(2, 3_000)],
      expected: '<3,000 rows, 1,500/s, 2.0 s<',
    },
    {
      name: 'no bar where there is no room',
      columns: 46,
      seen: [at(1, 100, 400)],
      expected: '<100 of 400 rows, 100/s, 3.0 s left<',
    },
    {
      name: 'a cut line on a narrow terminal',
      columns: 20,
      seen: [at(1, 100, 400)],
      expected: '<100 of 400 rows, 10<',
    },
    {
      name: 'the rate of the last seconds',
      seen: [at(10, 1_000), at(20, 1_010), at(30, 1_020)],
      expected: '<1,000 rows, 100/s, 10.0 s<1,010 rows, 1.0/s, 20.0 s<1,020 rows, 1.0/s, 30.0 s<',
    },
    {
      name: 'no rate before anything has come',
      seen: [at(0.5, 0, 400)],
      expected: '<[------------------------------]   0 %  0 of 400 rows, 0.0/s, 0.5 s<',
    },
  ]
  it.each(onTerminal)('shows on a terminal $name', ({ seen, columns, expected }) => {
    expect(shown(screen(true, columns), seen)).toBe(expected)
  })

  it('writes a plain line every 5 seconds elsewhere', () => {
    const seen = [0, 2, 4, 5, 7, 9, 10, 12, 20].map((seconds) => at(seconds, seconds * 10, 200))
    expect(shown(screen(false), seen)).toBe(
      '50 of 200 rows, 10/s, 15.0 s left\n100 of 200 rows, 10/s, 10.0 s left\n' +
        '200 of 200 rows, 10/s, finishing\n',
    )
  })

  it('writes nothing with quiet', () => {
    const seen = [at(1, 100), at(9, 900)]
    expect(shown(screen(true), seen, true) + shown(screen(false), seen, true)).toBe('')
  })
})
