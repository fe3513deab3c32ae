import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromCsv } from '../../connectors/from-csv.ts'
import { fromJsonl } from '../../connectors/from-jsonl.ts'
import { fromTar } from '../../connectors/from-tar.ts'
import { holds, textOf } from '../helpers/fuzz-properties.ts'
import { outcomeOf } from '../helpers/fuzz.ts'
import { values } from '../helpers/pictures.ts'
import { tarArchive, tarMember } from '../helpers/tar-blocks.ts'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fuzz-generated-'))
  await mkdir(at('set'))
})
afterAll(() => rm(folder, { recursive: true }))

const reject = { onError: 'reject' } as const

// Whoever shrinks an input that hangs waits long.
vi.setConfig({ testTimeout: 600_000 })

describe('fromCsv', () => {
  it('gives back any texts in quotes', async () => {
    const cell = fc.oneof(
      textOf('"', ',', '\n', '\r\n', ' ', 'é', '\ud83d\ude00', '0'),
      fc.string(),
    )
    const written = (text: string) => `"${text.replaceAll('"', '""')}"`
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 })
    await holds(table, 100, async (rows) => {
      const lines = rows.map((row) => row.map(written).join())
      await writeFile(at('x.csv'), ['x,y', ...lines].join('\r\n'))
      const flow = fromCsv(at('x.csv'), { types: { x: 'Utf8', y: 'Utf8' } })
      const batches = await lastValueFrom(flow.pipe(toArray()))
      for (const [column, name] of ['x', 'y'].entries())
        expect(values(batches, name)).toEqual(rows.map((row) => row[column]))
    })
  })

  it('reads, rejects or refuses any text', async () => {
    const text = textOf(
      ...['"', '"', ',', ',', '\n', '\r', '\r\n', ' ', 'a', '-', '1', '.5', 'e9', 'true', 'é'],
      ...['\ufeff', '\u0000', 'id', 'path', '../', 'label'],
    )
    await holds(text, 200, async (content) => {
      await writeFile(at('x.csv'), content)
      const { fault } = await outcomeOf(() => fromCsv(at('x.csv'), reject), folder)
      expect(fault).toBeUndefined()
    })
  })
})

describe('fromJsonl', () => {
  it('gives a row or a reject for each line', async () => {
    const object = fc.dictionary(
      fc.oneof(fc.constantFrom('id', 'a', 'label', '__proto__', 'constructor'), fc.string()),
      fc.jsonValue({ maxDepth: 3 }),
      { minKeys: 1, maxKeys: 5 },
    )
    const line = fc.oneof({ weight: 5, arbitrary: object }, fc.jsonValue())
    await holds(fc.array(line, { minLength: 1, maxLength: 8 }), 150, async (lines) => {
      await writeFile(at('x.jsonl'), lines.map((each) => JSON.stringify(each)).join('\n'))
      const flow = () => fromJsonl(at('x.jsonl'), { ...reject, pathColumn: false })
      const { rows, rejects, error, fault } = await outcomeOf(flow, folder)
      expect(fault).toBeUndefined()
      if (error === undefined) expect(rows + rejects.length).toBe(lines.length)
    })
  })

  it('reads, rejects or refuses any text', async () => {
    const text = textOf(
      ...['{', '}', '[', ']', ':', ',', '"', '"a"', '"id":', '{"a":1}\n', '\n', '\r\n', ' ', '\\'],
      ...['\\u', 'd83d', '-', '1', '.', 'e400', 'null', 'true', 'NaN', '\ufeff', '\u0000', 'é'],
    )
    await holds(text, 200, async (content) => {
      await writeFile(at('x.jsonl'), content)
      const { rows, rejects, error, fault } = await outcomeOf(
        () => fromJsonl(at('x.jsonl'), reject),
        folder,
      )
      expect(fault).toBeUndefined()
      const lines = content.replace(/^\ufeff/, '').split('\n')
      const filled = lines.filter((line) => /[^ \t\r]/.test(line)).length
      if (error === undefined) expect(rows + rejects.length).toBe(filled)
    })
  })
})

describe('fromTar', () => {
  const name = fc.oneof(
    fc.string({ maxLength: 120 }),
    fc.uint8Array({ maxLength: 100 }),
    textOf('../', '/', './', 'a', '.', '.jpg', '.cls', '\\', '\u0000', 'é', '\u202e'),
  )
  const size = fc.oneof(
    fc.nat(2000),
    fc.constantFrom('77777777777', '-0000000001', '99999999999', '00000000000', '           '),
    fc.uint8Array({ minLength: 12, maxLength: 12 }).map((b) => {
      return Buffer.from([0x80 | (b[0] ?? 0), ...b.subarray(1)]).toString('latin1')
    }),
  )
  const member = fc.record({
    name,
    content: fc.oneof(
      fc.string(),
      textOf('12 path=../../x\n', '9 size=-1\n', '5 size=1e9\n', '20 a=b\n'),
    ),
    size: fc.option(size, { nil: undefined }),
    type: fc.constantFrom(
      '0',
      '0',
      '0',
      '\u0000',
      '1',
      '2',
      '3',
      '5',
      'L',
      'K',
      'x',
      'g',
      'S',
      '?',
    ),
    magic: fc.constantFrom('ustar\u000000', 'ustar  \u0000', '' as const),
    prefix: fc.constantFrom('', '', '..', '/etc', 'a/b'),
  })

  it('reads, rejects or refuses any headers', async () => {
    await holds(fc.array(member, { minLength: 1, maxLength: 5 }), 250, async (members) => {
      const parts = members.map(({ name, content, size, ...header }) =>
        tarMember(name, content, { ...header, ...(size !== undefined && { size }) }),
      )
      await writeFile(at('x.tar'), tarArchive(...parts))
      const { fault } = await outcomeOf(() => fromTar(at('x.tar'), reject), folder)
      expect(fault).toBeUndefined()
    })
  })
})
