import { describe, expect, it } from 'vitest'
import { decode } from '../../operators/decode.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { damaged, Dice } from '../helpers/damage.ts'
import { pictureFiles } from '../helpers/fuzz-files.ts'
import { fuzzRuns, fuzzSeed, outcomeOf } from '../helpers/fuzz.ts'
import { pictureBatches } from '../helpers/pictures.ts'

const inputs = 400 * fuzzRuns

/** Far more than the pictures have, and little enough that one whose header claims more is noticed. */
const limitPixels = 2 ** 20

describe('decode', () => {
  it('decodes or rejects each picture, however it is damaged', async () => {
    const whole = await pictureFiles()
    const all = Array.from({ length: inputs }, (_, index) => {
      const { how, bytes } = damaged(whole, new Dice(fuzzSeed, index))
      const id = `MILLRACE_FUZZ_SEED=${String(fuzzSeed)}, input ${String(index)}, ${how}`
      return [id, bytes] as const
    })
    const batches = pictureBatches(Object.fromEntries(all), 32)
    const decoding = () => flowOf(flowOf(batches).pipe(decode({ onError: 'reject', limitPixels })))
    const { rows, rejects, error, fault } = await outcomeOf(decoding, '')
    expect({ error, fault }).toEqual({})
    expect(rows + rejects.length).toBe(inputs)
    expect(rows).toBeGreaterThan(inputs / 10)
    expect(rejects.map(({ code }) => code)).toEqual(expect.arrayContaining(['DAMAGED', 'FORMAT']))
  }, 600_000)
})
