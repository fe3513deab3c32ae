import { describe, expect, it } from 'vitest'
import { simulateEndless } from '../../helpers/simulated-endless.ts'
import { simulateRun } from '../../helpers/simulated-run.ts'
import { simulateStore } from '../../helpers/simulated-store.ts'

const seeds = 200
const sharedSeeds = 60
const manySeedsMs = 120_000

/** What was wrong, by seed, for the seeds from 1 on. */
async function failuresOf(
  simulate: (seed: number) => Promise<string | undefined>,
  count: number,
): Promise<readonly string[]> {
  const failures: string[] = []
  for (let seed = 1; seed <= count; seed++) {
    const failure = await simulate(seed)
    if (failure !== undefined) failures.push(`seed ${String(seed)}: ${failure}`)
  }
  return failures
}

describe('CheckpointStore on a disk that crashes', () => {
  it(
    `loses no checkpoint and mixes no two, for ${String(seeds)} seeds`,
    async () => {
      expect(await failuresOf(simulateStore, seeds)).toEqual([])
    },
    manySeedsMs,
  )

  it('made durable the checkpoint that it went on from, whose process was killed before it had', async () => {
    expect(await simulateStore(1146)).toBeUndefined()
  })
})

describe('a run on a disk that crashes', () => {
  it(
    `loses and doubles nothing, for ${String(seeds)} seeds`,
    async () => {
      let deaths = 0
      const failures = await failuresOf(async (seed) => {
        const simulated = await simulateRun(seed)
        deaths += simulated.deaths
        return simulated.failure
      }, seeds)
      expect(failures).toEqual([])
      expect(deaths).toBeGreaterThan(seeds)
    },
    manySeedsMs,
  )

  it.each([
    [1701, 'finds the table that a checkpoint of a killed process had, after a crash'],
    [3087, 'reads a table out again that ended between its barrier and the commit'],
    [3733, 'has the rejects again of a table that ended between its barrier and the commit'],
    [5930, 'gives no reject twice that was read out before the checkpoint'],
    [8278, 'ends a branch whose reader had kept more of it than it needed'],
    [12817, 'counts no row in a checkpoint that comes while that is being written'],
  ])('with seed %i %s', async (seed) => {
    expect((await simulateRun(seed)).failure).toBeUndefined()
  })
})

describe('a run with tables that have several readers, on a disk that crashes', () => {
  it(
    `loses and doubles nothing, for ${String(sharedSeeds)} seeds`,
    async () => {
      const failures = await failuresOf(
        async (seed) => (await simulateRun(seed, { shared: true })).failure,
        sharedSeeds,
      )
      expect(failures).toEqual([])
    },
    manySeedsMs,
  )

  it('keeps what a checkpoint has of a table that failed, when another reader comes', async () => {
    expect((await simulateRun(1246, { shared: true })).failure).toBeUndefined()
  })
})

describe('a run that does not end by itself, on a disk that crashes', () => {
  it(
    `shows each row once, in order, and no row twice, for ${String(seeds)} seeds`,
    async () => {
      expect(await failuresOf(simulateEndless, seeds)).toEqual([])
    },
    manySeedsMs,
  )

  it('takes its last checkpoint, though it was told to stop while one was being committed', async () => {
    expect(await simulateEndless(2019)).toBeUndefined()
  })
})
