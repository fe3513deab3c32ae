import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  levelOf,
  rowStateBytes,
  soakChecks,
  soakCommand,
  type SoakedFiles,
  soakPictures,
} from './helpers/soak.ts'

/** 40 MB end before the windows are full, and 400 MB soon after; `bench/soak.ts` compares sizes that fill them. */
const bounds = { peak: 700e6, ratio: 1.2 }
let folder = ''

describe('--memory 256MB', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('holds resident memory below 700 MB, and no higher for ten times the pictures', async () => {
    const sets = [
      await soakPictures(join(folder, '40'), 40e6, 12),
      await soakPictures(join(folder, '400'), 400e6, 12),
    ]
    for (const command of ['run', 'report'] as const) {
      const runs: SoakedFiles[] = []
      for (const { folder: pictures, files } of sets) {
        const soaked = await soakCommand(command, pictures, { folder, memory: '256MB' })
        expect(soaked, soaked.stderr).toMatchObject({ code: 0 })
        expect(soaked.curve.length).toBeGreaterThan(10)
        runs.push({ ...soaked, files })
      }
      const [few, many] = runs as [SoakedFiles, SoakedFiles]
      // The halves of a run that is still filling its windows do not compare.
      const over = soakChecks([few], many, bounds).filter(
        ({ what, bytes, most }) => what !== 'level of the second half' && bytes > most,
      )
      expect(over).toEqual([])
    }
  }, 300_000)
})

describe('soakChecks', () => {
  const mb = 1e6
  const run = (levels: readonly number[], files = 0): SoakedFiles => ({
    files,
    curve: levels.map((level) => level * mb),
    peak: Math.max(...levels) * mb,
  })
  const flat = (level: number): number[] => new Array<number>(100).fill(level)
  const few = [run(flat(399)), run(flat(438)), run(flat(405))]
  const filling = [...flat(600).slice(0, 10), ...flat(400).slice(0, 90)]
  const stated = (100 * mb) / rowStateBytes
  const cases = [
    { name: 'nothing of a run at the level of those before', many: run(flat(440)), over: [] },
    { name: 'no growth of what has filled the windows', many: run(filling), over: ['level'] },
    {
      name: 'a level above all runs before',
      many: run(flat(461)),
      over: ['level'],
    },
    {
      name: 'a second half above the first',
      many: run([...flat(400).slice(50), ...flat(425).slice(50)]),
      over: ['level of the second half'],
    },
    {
      name: 'nothing of what is stated for the rows',
      many: run([...flat(400).slice(50), ...flat(500).slice(50)], stated),
      over: [],
    },
    { name: 'a peak', many: run([...flat(430), 701]), over: ['peak'] },
  ]
  it.each(cases)('refuses $name', ({ many, over }) => {
    const checks = soakChecks(few, many, { peak: 700 * mb, ratio: 1.05 })
    expect(checks).toHaveLength(few.length + 3)
    expect(checks.filter(({ bytes, most }) => bytes > most).map(({ what }) => what)).toEqual(over)
  })

  it('takes for a level what is exceeded for a twentieth of the time', () => {
    expect(levelOf(Array.from({ length: 100 }, (_, i) => i))).toBe(95)
  })
})
