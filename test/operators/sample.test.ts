import { describe, expect, it } from 'vitest'
import { sample, type SampleOptions } from '../../operators/sample.ts'
import { batchOf, int32Column, textColumn } from '../../src/batch/batch.ts'
import { Reservoir } from '../../src/batch/reservoir.ts'
import { everyType } from '../helpers/every-type.ts'
import { DataError, OptionError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { Run } from '../../src/run/run-state.ts'
import { askable } from '../helpers/askable.ts'
import { gather, values } from '../helpers/pictures.ts'
import { countsOf, pulled } from '../helpers/runs.ts'
import { cutInto } from '../helpers/tensors.ts'

/** 300 rows: half `a`, a third `b`, a sixth without a label, two `c`. */
const labels = Array.from({ length: 300 }, (_, i) =>
  i === 7 || i === 250 ? 'c' : i % 2 === 0 ? 'a' : i % 6 === 3 ? null : 'b',
)
const batch = batchOf([int32Column('n', [...labels.keys()]), textColumn('label', labels)])

async function drawn(options: SampleOptions, size = 300): Promise<number[]> {
  const { batches } = await gather(flowOf(cutInto(batch, size)).pipe(sample(options)))
  return values(batches, 'n') as number[]
}

describe('sample', () => {
  it.each([1, 7, 300])(
    'draws rows in input order, the same ones in batches of %i',
    async (size) => {
      const rows = await drawn({ rows: 20 }, size)
      expect(rows).toHaveLength(20)
      expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b))
      expect(rows).toEqual(await drawn({ rows: 20 }))
    },
  )

  it.each([1, 7, 300])('draws as many of each label, in batches of %i', async (size) => {
    const rows = await drawn({ rows: 5, per: 'label' }, size)
    const of = (label: string | null) => rows.filter((n) => labels[n] === label).length
    expect(['a', 'b', 'c', null].map(of)).toEqual([5, 5, 2, 5])
    expect(rows).toHaveLength(17)
    expect(rows).toEqual(await drawn({ rows: 5, per: 'label' }))
  })

  it('gives all rows if there are no more, of every type', async () => {
    const every = batchOf([...everyType])
    const { batches } = await gather(flowOf(cutInto(every, 2)).pipe(sample({ rows: 5 })))
    expect(batches.flatMap((b) => b.toArray().map(String))).toEqual(every.toArray().map(String))
  })

  it('draws other rows with another seed, of the option or of the run', async () => {
    const seeded = await drawn({ rows: 20, seed: 1 })
    expect(seeded).not.toEqual(await drawn({ rows: 20 }))
    const run = new Run({ seed: 1 })
    const out = await pulled(flowOf(flowOf([batch]).pipe(sample({ rows: 20 }))), run)
    expect(values(out as never, 'n')).toEqual(seeded)
    expect(countsOf(run)['sample']).toEqual({
      rowsIn: 300,
      rowsKept: 20,
      rejected: 0,
      dropped: 280,
    })
  })

  it('draws each row with the same chance', () => {
    const rows = 40
    const few = batch.slice(0, rows)
    const hits = new Array<number>(rows).fill(0)
    const draws = 2000
    for (let seed = 0; seed < draws; seed++) {
      const reservoir = new Reservoir({ rows: 10, per: undefined, maxGroups: 1, seed })
      reservoir.add(few)
      for (const n of reservoir.drawn()?.getChild('n') ?? [])
        hits[n as number] = (hits[n as number] ?? 0) + 1
    }
    const expected = (draws * 10) / rows
    // Of 39 degrees of freedom, less the part that drawing without repetition takes; .999 is at 72.
    const chiSquare = hits.reduce((sum, hit) => sum + (hit - expected) ** 2 / expected, 0)
    expect(chiSquare).toBeLessThan(72)
    expect(chiSquare).toBeGreaterThan(8)
  })

  it('goes on from its state as if it had not stopped', async () => {
    const options = { rows: 9, per: 'label', maxGroups: 4, seed: 3 }
    let reservoir = new Reservoir(options)
    for (const part of cutInto(batch, 60)) {
      reservoir.add(part)
      const state = structuredClone(reservoir.save())
      reservoir = new Reservoir(options)
      reservoir.restore(state)
    }
    const whole = await drawn({ rows: 9, per: 'label', seed: 3 })
    expect([...(reservoir.drawn()?.getChild('n') ?? [])]).toEqual(whole)
  })

  it('gives nothing of nothing', async () => {
    expect((await gather(flowOf([batch.slice(0, 0)]).pipe(sample({ rows: 3 })))).batches).toEqual(
      [],
    )
  })

  it('fails if there are more groups than it may hold', async () => {
    await expect(drawn({ rows: 1, per: 'label', maxGroups: 3 })).rejects.toThrow(
      new DataError(
        'Expected at most 3 values of `label`, got another, `c`: raise `maxGroups`, whose rows are all held',
        { url: 'label' },
      ),
    )
  })

  it.each([
    ['n', 'Expected column `n` of sample to be text, got Int32'],
    ['lable', 'Expected column `lable` for sample, got columns n, label; did you mean `label`?'],
  ])('refuses to draw by `%s`', async (per, message) => {
    const flow = flowOf(askable([batch]).flow.pipe(sample({ rows: 1, per })))
    await expect(flow.schema()).rejects.toThrow(message)
    await expect(gather(flow)).rejects.toThrow(message)
  })

  it.each([
    [{ rows: 0 }, 'Expected option `rows` to be a positive integer'],
    [{ rows: 1, seed: -1 }, 'Expected option `seed` to be a whole number'],
    [{ rows: 1, per: '' }, 'Expected option `per` to be a non-empty string'],
    [{ rows: 1, by: 'label' }, 'Expected sample to be given only known options, got `by`'],
  ])('refuses %o', (options, message) => {
    expect(() => sample(options as never)).toThrow(OptionError)
    expect(() => sample(options as never)).toThrow(message)
  })
})
