import { describe, expect, it } from 'vitest'
import { RunningNumbers } from '../../../src/models/running-numbers.ts'

const error = 0.01

function numbersOf(values: readonly number[]): RunningNumbers {
  const numbers = new RunningNumbers(error)
  for (const value of values) numbers.add(value)
  return numbers
}

describe('RunningNumbers', () => {
  it.each([
    { name: 'one number', values: [3], mean: 3, deviation: 0 },

    { name: 'several', values: [2, 4, 4, 4, 5, 5, 7, 9], mean: 5, deviation: 2 },
    {
      name: 'large ones',
      values: [1e9 + 1, 1e9 + 2, 1e9 + 3],
      mean: 1e9 + 2,
      deviation: (2 / 3) ** 0.5,
    },
  ])('tells mean and deviation of $name', ({ values, mean, deviation }) => {
    const numbers = numbersOf(values)
    expect(numbers.count).toBe(values.length)
    expect(numbers.mean).toBe(mean)
    expect(numbers.deviation).toBeCloseTo(deviation, 12)
  })

  it('has no deviation of nothing', () => {
    const { count, mean, deviation } = new RunningNumbers(error)
    expect([count, mean, deviation]).toEqual([0, 0, NaN])
  })

  it('puts them in order, those that came after it was asked too', () => {
    const numbers = numbersOf([3, 1])
    expect([...numbers.ranked.values]).toEqual([1, 3])
    numbers.add(2)
    expect([...numbers.ranked.values]).toEqual([1, 2, 3])
  })

  it('goes on from its state as if nothing had happened', () => {
    const values = Array.from({ length: 300 }, (_, i) => (i * 7919) % 101)
    const whole = numbersOf(values)
    for (const cut of [0, 1, 120, 299]) {
      const state = structuredClone(numbersOf(values.slice(0, cut)).state())
      const rest = new RunningNumbers(error, state)
      for (const value of values.slice(cut)) rest.add(value)
      expect(rest.state()).toEqual(whole.state())
      expect([rest.mean, rest.deviation]).toEqual([whole.mean, whole.deviation])
    }
  })
})
