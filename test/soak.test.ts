import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { levelOf, rowStateBytes, soakCommand, soakPictures } from './helpers/soak.ts'

const limitBytes = 700e6
/** 40 MB end before the windows are full; `bench/soak.ts` compares sizes that fill them. */
const filling = 1.2
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
      const levels: number[] = []
      for (const { folder: pictures, files } of sets) {
        const soaked = await soakCommand(command, pictures, { folder, memory: '256MB' })
        expect(soaked, soaked.stderr).toMatchObject({ code: 0 })
        expect(soaked.peak).toBeLessThan(limitBytes)
        expect(soaked.curve.length).toBeGreaterThan(10)
        levels.push(levelOf(soaked.curve) - files * rowStateBytes)
      }
      const [few = 0, many = 0] = levels
      expect(many).toBeLessThan(few * filling)
    }
  }, 300_000)
})
