import { describe, expect, it } from 'vitest'
import { simulateRun } from '../../helpers/simulated-run.ts'
import { simulateStore } from '../../helpers/simulated-store.ts'

const seeds = 200
const manySeedsMs = 120_000

describe('CheckpointStore on a disk that crashes', () => {
  it(
    `loses no checkpoint and mixes no two, for ${String(seeds)} seeds`,
    async () => {
      const failures: string[] = []
      for (let seed = 1; seed <= seeds; seed++) {
        const failure = await simulateStore(seed)
        if (failure !== undefined) failures.push(`seed ${String(seed)}: ${failure}`)
      }
      expect(failures).toEqual([])
    },
    manySeedsMs,
  )
})

describe('a run on a disk that crashes', () => {
  it(
    `loses and doubles nothing, for ${String(seeds)} seeds`,
    async () => {
      const failures: string[] = []
      let deaths = 0
      for (let seed = 1; seed <= seeds; seed++) {
        const simulated = await simulateRun(seed)
        deaths += simulated.deaths
        if (simulated.failure !== undefined)
          failures.push(`seed ${String(seed)}: ${simulated.failure}`)
      }
      expect(failures).toEqual([])
      expect(deaths).toBeGreaterThan(seeds)
    },
    manySeedsMs,
  )
})
