import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvRecords, type CsvFields } from '../../../src/manifests/csv-records.ts'
import type { Place } from '../../../src/manifests/text-lines.ts'
import type { TextRecord } from '../../../src/manifests/text-record.ts'
import { inPieces } from '../../helpers/pieces.ts'

const { signal } = new AbortController()
const start: Place = { offset: 0, line: 1, row: 0 }

async function read(
  text: string | Uint8Array,
  { size = 7, from = start }: { size?: number; from?: Place } = {},
): Promise<TextRecord<CsvFields>[]> {
  const records: TextRecord<CsvFields>[] = []
  const source = inPieces(Buffer.from(text), size)
  for await (const record of csvRecords(source, from, { separator: ',', signal }))
    records.push(record)
  return records
}

const field = fc.string({
  unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', '1'),
  maxLength: 5,
})
const table = fc.array(fc.array(field, { minLength: 2, maxLength: 3 }), {
  minLength: 1,
  maxLength: 4,
})

function written(rows: readonly (readonly string[])[], end: string): string {
  return rows.map((r) => r.map((f) => `"${f.replaceAll('"', '""')}"`).join(',')).join(end)
}

describe('csvRecords', () => {
  it('reads what csv-parse reads, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 40 }),
        async (rows, end, size) => {
          const text = written(rows, end)
          const theirs = parse(text, { relax_column_count: true, record_delimiter: end })
          const ours = await read(text, { size })
          expect(ours.map(({ content }) => ('value' in content ? content.value : content))).toEqual(
            theirs,
          )
        },
      ),
      { numRuns: 200, seed: 1 },
    )
  })

  it('goes on anywhere, takes every byte once, and comes to an end, whatever the text', async () => {
    const bytes = fc.array(fc.constantFrom(...Buffer.from('a",\n\r\xff'), 0xc3, 0xa9), {
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 50 }), async (given, size) => {
        const text = Uint8Array.from(given)
        const whole = await read(text)
        expect(await read(text, { size })).toEqual(whole)
        whole.forEach(({ place, next }, row) => {
          expect(place.row).toBe(row)
          expect(next.offset).toBeGreaterThan(place.offset)
          expect(next.row).toBe(row + 1)
          expect(next.line).toBe(
            text.subarray(0, next.offset).filter((b) => b === 10).length +
              (text.at(next.offset - 1) === 10 ? 1 : 2),
          )
        })
        for (const [at, { next }] of whole.entries())
          expect(await read(text, { from: next })).toEqual(whole.slice(at + 1))
      }),
      { numRuns: 300, seed: 2 },
    )
  })

  it('asks for no more of a list than its records need', async () => {
    const source = inPieces(Buffer.from('some text,12\n'.repeat(100_000)), 4096)
    let records = 0
    for await (const { next } of csvRecords(source, start, { separator: ',', signal })) {
      records++
      expect(source.pieces()).toBe(Math.floor((next.offset - 1) / 4096) + 1)
      if (records === 5000) break
    }
    expect(source.pieces()).toBeLessThan(20)
  })
})
