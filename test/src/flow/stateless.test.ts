import {
  bufferCount,
  concatMap,
  delay,
  filter,
  map,
  mergeMap,
  type OperatorFunction,
  repeat,
  startWith,
  take,
  takeLast,
  tap,
  toArray,
} from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Barrier, type Control, Rejects } from '../../../src/flow/control.ts'
import { OptionError } from '../../../src/errors.ts'
import { Flow, flowOf } from '../../../src/flow/flow.ts'
import { stateless } from '../../../src/flow/stateless.ts'
import { collect, counter } from '../../helpers/sources.ts'

const barrier = new Barrier(1)
const rejects = new Rejects([])
const { signal } = new AbortController()

const given = (...values: readonly (number | Control)[]): Flow<number> =>
  new Flow(async function* () {
    for (const value of values) yield await Promise.resolve(value)
  })

const through = (operator: OperatorFunction<number, unknown>, input = given()) =>
  collect(flowOf(input.pipe(stateless(operator))).pull({ signal }))

describe('stateless', () => {
  it('marks a foreign operator, which does what it did', async () => {
    const twice = stateless<number, number>((flow) =>
      flow.pipe(
        map((i) => i * 2),
        map((i) => i + 1),
      ),
    )
    const marked = flowOf(flowOf([1, 2]).pipe(twice))
    expect(marked.info).toMatchObject({ name: 'stateless', role: 'operator' })
    expect(marked.info.inputs?.map((flow) => flow.info.role)).toEqual(['source'])
    expect(await collect(marked)).toEqual([3, 5])
    expect(flowOf(flowOf([1]).pipe(map((i) => i))).info.role).toBe('foreign')
  })
  it.each([
    { name: 'map', operator: map((i: number) => i * 2), expected: [2, barrier, 4, rejects, 6] },
    {
      name: 'filter',
      operator: filter((i: number) => i !== 2),
      expected: [1, barrier, rejects, 3],
    },
    {
      name: 'concatMap to arrays',
      operator: concatMap((i: number) => [i, -i]),
      expected: [1, -1, barrier, 2, -2, rejects, 3, -3],
    },
    {
      name: 'a chain',
      operator: (flow: Flow<number>) =>
        flow.pipe(
          map((i) => i + 1),
          filter((i) => i !== 3),
        ),
      expected: [2, barrier, rejects, 4],
    },
  ])('keeps control messages of $name in their place', async ({ operator, expected }) => {
    const input = given(1, barrier, 2, rejects, 3)
    expect(await through(operator as OperatorFunction<number, unknown>, input)).toEqual(expected)
  })

  it('lets a barrier wait for all answers to the values before it', async () => {
    const { flow, made } = counter(50)
    const seen: number[] = []
    for await (const value of flowOf(flow.pipe(stateless(concatMap((i) => [i, i])))))
      seen.push(made() - value)
    expect(seen).toEqual(Array.from({ length: 100 }, () => 1))
  })

  const kept: readonly { name: string; operator: OperatorFunction<number, unknown> }[] = [
    { name: 'bufferCount', operator: bufferCount(2) },
    { name: 'toArray', operator: toArray() },
    { name: 'takeLast', operator: takeLast(1) },
    { name: 'delay', operator: delay(1) },
    { name: 'mergeMap to promises', operator: mergeMap((i) => Promise.resolve(i)) },
    { name: 'take', operator: take(2) },
    { name: 'startWith', operator: startWith(0) },
    { name: 'repeat', operator: repeat(2) },
  ]
  it.each(kept)('refuses $name', async ({ operator }) => {
    await expect(through(operator, given(1, 2, 3))).rejects.toThrow(OptionError)
  })

  it('passes on an error of the operator, and ends its source', async () => {
    const { flow, open } = counter(9)
    const failing = tap((i: number) => {
      if (i === 3) throw new Error('three')
    })
    await expect(through(failing, flow)).rejects.toThrow('three')
    expect(open()).toBe(0)
  })
})
