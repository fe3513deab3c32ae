import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

/** Statistics by name; null where there is none. */
export type Numbers = Readonly<Record<string, number | readonly number[]>>

/** A picture of the fixture: what NumPy and SciPy say of it, and of each channel. */
export interface Numbered {
  readonly picture: Numbers
  readonly channels: readonly Numbers[]
}

/** Folder of the pictures. */
export const fixtures = join(import.meta.dirname, '..', 'fixtures', 'image-stats')

/** What NumPy and SciPy say; see the README beside it for versions. */
export const numbers = JSON.parse(readFileSync(join(fixtures, 'numbers.json'), 'utf8')) as {
  readonly files: Readonly<Record<string, Numbered>>
  readonly boxes: readonly { xywh: readonly number[]; box: Numbers; ratio: Numbers }[]
  readonly arrays: Readonly<
    Record<string, Numbered & { shape: readonly number[]; values: readonly (number | null)[] }>
  >
}

/** Expects `found` to be `expected`, each number to 1e-9. */
export function expectNumbers(found: Readonly<Record<string, unknown>>, expected: Numbers): void {
  const off = Object.entries(expected).filter(([name, value]) => {
    const wanted = typeof value === 'number' ? [value] : value
    const got = flat(found[name])
    return got.length !== wanted.length || wanted.some((each, i) => !near(got[i], each))
  })
  expect(
    Object.fromEntries(off.map(([name]) => [name, flat(found[name])])),
    'statistics that are not as expected',
  ).toEqual(Object.fromEntries(off))
}

/** The value of a column as numbers, lists one after another. */
function flat(value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [value]
  return [...(value as Iterable<unknown>)].flatMap(flat)
}

function near(got: unknown, wanted: number): boolean {
  return typeof got === 'number' && Math.abs(got - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted))
}
