import { describe, expect, it } from 'vitest'
import { simulateStore } from '../../helpers/simulated-store.ts'

const seeds = 200

describe('CheckpointStore on a disk that crashes', () => {
  it(`loses no checkpoint and mixes no two, for ${String(seeds)} seeds`, async () => {
    const failures: string[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const failure = await simulateStore(seed)
      if (failure !== undefined) failures.push(`seed ${String(seed)}: ${failure}`)
    }
    expect(failures).toEqual([])
  })
})
