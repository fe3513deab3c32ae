import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { batchOf, textColumn } from '../../../src/batch/batch.ts'
import { Rebatcher } from '../../../src/batch/rebatcher.ts'

const limits = { rows: 4, bytes: 50 }
/** Rows of 4 bytes and their letters: 10 and 20 take less than a batch, 45 nearly a whole one. */
const letters = [10, 20, 45, 1, 1, 1, 1, 45, 30, 60, 5].map((n, i) =>
  String.fromCharCode(97 + i).repeat(n),
)
const batch = (from: number, to: number) => batchOf([textColumn('t', letters.slice(from, to))])

/** The rows of each batch, put together of its parts: taken behind the rows in `cuts`, with a new rebatcher from there. */
function cutAt(cuts: readonly number[]): number[] {
  const sizes: number[] = []
  let rebatcher = new Rebatcher(limits)
  let taken = 0
  for (let row = 0; row < letters.length; row++) {
    for (const rest of rebatcher.push(batch(row, row + 1))) {
      sizes.push(taken + rest.numRows)
      taken = 0
    }
    if (!cuts.includes(row)) continue
    taken += rebatcher.part()?.numRows ?? 0
    expect(rebatcher.held()).toBe(undefined)
    rebatcher = new Rebatcher(limits, rebatcher.fill)
  }
  for (const rest of rebatcher.flush()) taken += rest.numRows
  return [...sizes, taken]
}

describe('Rebatcher', () => {
  it('cuts where it would have been cut, whatever parts were taken before', () => {
    const whole = cutAt([])
    expect(whole).toEqual([2, 1, 4, 1, 1, 1, 1])
    const all = letters.map((_, row) => row)
    for (const row of all) expect(cutAt([row])).toEqual(whole)
    expect(cutAt(all)).toEqual(whole)
    expect(cutAt([0, 3, 4, 9])).toEqual(whole)
  })

  it('keeps few batches alive, however many come', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const rebatcher = new Rebatcher({ rows: 10_000, bytes: 1e9 })
    const pushed: WeakRef<object>[] = []
    for (let i = 0; i < 1_000; i++) {
      const one = batch(0, 1)
      pushed.push(new WeakRef(one))
      rebatcher.push(one).next()
    }
    // A weak reference holds its object until the task ends that made it.
    await setImmediate()
    collectGarbage()
    expect(pushed.filter((ref) => ref.deref()).length).toBeLessThan(100)
    expect(rebatcher.held()?.numRows).toBe(1_000)
  })
})
