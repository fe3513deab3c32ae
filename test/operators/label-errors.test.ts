import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { labelErrors, type LabelErrorsOptions } from '../../operators/label-errors.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { textColumn, withColumns } from '../../src/batch/batch.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { flippedDigits, labelled, labelledDigits } from '../helpers/labelled-digits.ts'
import { endless } from '../helpers/flows.ts'
import { flowOfBatches, pointBatches } from '../helpers/points.ts'

afterAll(closeKernel)

const digits = labelledDigits()

async function errorsIn(
  batches: readonly RecordBatch[],
  options: LabelErrorsOptions = {},
): Promise<Readonly<Record<string, unknown>>[]> {
  const flow = flowOfBatches(batches).pipe(labelErrors(options))
  const out = await lastValueFrom(flow.pipe(toArray()), { defaultValue: [] })
  return out.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}

describe('labelErrors', () => {
  it('gives what numpy makes of the neighbours, whatever the batches', async () => {
    const rows = [...[...digits.keys()].slice(0, 400), ...labelled.copied]
    const points = rows.map((row, i) => ({
      id: String(i),
      label: labelled.labels[i] ?? null,
      at: digits[row]?.at ?? null,
    }))
    for (const size of [1, 404]) {
      const out = await errorsIn(pointBatches(points, 64, size))
      expect(out.map((row) => row['suggested_label'])).toEqual(
        labelled.suggested_label.map((label) => (label === null ? null : String(label))),
      )
      for (const [i, row] of out.entries()) {
        expect(row['label_error']).toBeCloseTo(labelled.label_error[i] ?? NaN, 7)
        const share = labelled.label_confidence[i] ?? null
        if (share === null) expect(row['label_confidence']).toBeNull()
        else expect(row['label_confidence']).toBeCloseTo(share, 7)
      }
    }
  })

  it.each([1, 2])('finds most flipped labels of the digits, seed %i', async (seed) => {
    const { digits: given, flipped } = flippedDigits(digits, 0.05, seed)
    const points = given.map((digit, row) => ({ id: String(row), ...digit }))
    const rows = await errorsIn(pointBatches(points, 64))
    const order = [...rows.keys()].sort(
      (a, b) => Number(rows[b]?.['label_error']) - Number(rows[a]?.['label_error']),
    )
    const found = order.slice(0, flipped.size).filter((row) => flipped.has(row))
    expect(found.length / flipped.size).toBeGreaterThan(0.9)
    const right = found.filter((row) => rows[row]?.['suggested_label'] === digits[row]?.label)
    expect(right.length / found.length).toBeGreaterThan(0.95)
  })

  it('says nothing of a row without label or embedding, and asks none', async () => {
    const rows = [
      ...['a', 'a', 'a', 'a', 'b', 'b', 'b'].map((label, i) => [label, label === 'a' ? i : i + 96]),
      ...[4, 4, 4, 4].map((x) => [null, x]),
      ...[
        ['a', null],
        ['b', 4],
      ],
    ] as [string | null, number | null][]
    const points = rows.map(([label, x], row) => ({
      id: String(row),
      label,
      at: x === null ? null : [x],
    }))
    const out = await errorsIn(pointBatches(points, 1, 2), { metric: 'euclidean', k: 5 })
    const nothing = { suggested_label: null, label_error: null, label_confidence: null }
    for (const row of out.slice(7, 12)) expect(row).toMatchObject(nothing)
    // Of 5 neighbours a has 1, 2, 3 and 4, b has 96, which stands for two more.
    const expected = { suggested_label: 'a', label_error: expect.closeTo(96 / 98, 9) as number }
    expect(out.at(-1)).toMatchObject({ ...expected, label_confidence: 14 / 15 })
  })

  it('has its columns in the schema, and no rows of no rows', async () => {
    const empty = pointBatches([], 1)
    const flow = flowOf(flowOfBatches(empty.map(withLabel)).pipe(labelErrors()))
    expect(String(await flow.schema())).toContain('label_error: Float64')
    expect(await lastValueFrom(flow.pipe(toArray()))).toEqual([])
  })

  it('checks its options and columns', async () => {
    expect(() => labelErrors({ k: 0 })).toThrow(OptionError)
    expect(() => labelErrors({ neighbours: 3 } as never)).toThrow(OptionError)
    const [batch] = pointBatches([{ id: 'a', at: [1] }], 1) as [RecordBatch]
    await expect(errorsIn([batch])).rejects.toThrow(
      new SchemaError('Expected column `label` for labelErrors, got columns id, embedding', {
        column: 'label',
      }),
    )
    expect(() => endless().pipe(labelErrors())).toThrow(OptionError)
  })
})

function withLabel(batch: RecordBatch): RecordBatch {
  return withColumns(batch, [textColumn('label', Array<string>(batch.numRows).fill('a'))])
}
