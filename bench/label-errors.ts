// How many of the digits whose labels were flipped are among as many with the highest `label_error`, beside the share of the 10 nearest
// neighbours under another label: of all digits, of classes of which the largest has 20 times as many as the least, and where half of the
// flipped come twice.
// Run: npm run build && npx jiti bench/label-errors.ts
import { lastValueFrom, toArray } from 'rxjs'
import { labelErrors } from '../operators/label-errors.ts'
import { neighbors } from '../operators/neighbors.ts'
import { closeKernel } from '../src/kernels/kernel.ts'
import { type Digit, flippedDigits, labelledDigits } from '../test/helpers/labelled-digits.ts'
import { flowOfBatches, pointBatches } from '../test/helpers/points.ts'

const seeds = [1, 2, 3, 4, 5]
const share = 0.05

type Row = Readonly<Record<string, unknown>>

async function rowsOf(digits: readonly Digit[]): Promise<Row[]> {
  const points = digits.map((digit, row) => ({ id: String(row), ...digit }))
  const flow = flowOfBatches(pointBatches(points, 64)).pipe(neighbors({ k: 10 }), labelErrors())
  const batches = await lastValueFrom(flow.pipe(toArray()))
  return batches.flatMap((batch) => batch.toArray().map((row) => row.toJSON() as Row))
}

/** The share of neighbours under another label. */
function disagreement(digits: readonly Digit[], row: Row): number {
  const ids = [...(row['neighbor_ids'] as Iterable<string>)]
  return ids.filter((id) => digits[Number(id)]?.label !== row['label']).length / ids.length
}

/** The part of the flipped among as many with the highest scores. */
function found(scores: readonly number[], flipped: ReadonlySet<number>): number {
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  return order.slice(0, flipped.size).filter((row) => flipped.has(row)).length / flipped.size
}

/** Digits of which the label `c` comes 20 ** (-c / 9) times as often as 0. */
function imbalanced(digits: readonly Digit[]): Digit[] {
  const seen = new Map<string, number>()
  return digits.filter(({ label }) => {
    const count = (seen.get(label) ?? 0) + 1
    seen.set(label, count)
    return count <= Math.round(174 * 20 ** (-Number(label) / 9))
  })
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`
const all = labelledDigits()

interface Case {
  readonly name: string
  readonly digits: readonly Digit[]
  /** Whether half of the flipped come a second time, under the same wrong label. */
  readonly copied?: boolean
}

const cases: readonly Case[] = [
  { name: 'balanced', digits: all },
  { name: 'imbalanced', digits: imbalanced(all) },
  { name: 'half of the flipped twice', digits: all, copied: true },
]
for (const { name, digits, copied = false } of cases) {
  for (const seed of seeds) {
    const { digits: first, flipped: chosen } = flippedDigits(digits, share, seed)
    const again = copied ? [...chosen].filter((_, i) => i % 2 === 0) : []
    const given = [...first, ...again.map((row) => first[row] as Digit)]
    const flipped = new Set([...chosen, ...again.map((_, i) => first.length + i)])
    const rows = await rowsOf(given)
    const errors = rows.map((row) => Number(row['label_error']))
    const votes = rows.map((row) => disagreement(given, row))
    const right = [...chosen].filter((row) => rows[row]?.['suggested_label'] === digits[row]?.label)
    console.log(
      `${name}, ${String(given.length)} digits, ${String(flipped.size)} flipped, seed ${String(seed)}: ` +
        `label_error ${percent(found(errors, flipped))}, plain vote ${percent(found(votes, flipped))}; ` +
        `suggestion right for ${percent(right.length / chosen.size)}`,
    )
  }
}
await closeKernel()
