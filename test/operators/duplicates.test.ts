import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { duplicateGroups } from '../../operators/duplicate-groups.ts'
import { duplicates, type DuplicatesOptions } from '../../operators/duplicates.ts'
import { batchOf, binaryColumn, column, int32Column, textColumn } from '../../src/batch/batch.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import { mirrored } from '../../src/kernels/perceptual-hash.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'

afterAll(closeKernel)

const columns = 64

interface Item {
  readonly id: string
  readonly embedding: Float32Array
  readonly phash: Uint8Array | null
  readonly content?: string
  readonly width?: number
  readonly split?: string
}

/** Numbers from a seed, about normal. */
function normal(seed: number): () => number {
  let state = seed * 2654435761 + 1
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return () => Array.from({ length: 6 }, uniform).reduce((a, b) => a + b, -3)
}

/** A picture like no other. */
function item(seed: number): Item {
  const next = normal(seed)
  for (let i = 0; i < 20; i++) next()
  const phash = Uint8Array.from({ length: 8 }, () =>
    Array.from({ length: 8 }, next).reduce((byte, x) => 2 * byte + (x > 0 ? 1 : 0), 0),
  )
  const embedding = Float32Array.from({ length: columns }, () => 1 + next())
  return { id: `item${String(seed)}`, embedding, phash }
}

/** A picture nearly like another. */
function copyOf(of: Item, seed: number, amount = 0.02): Item {
  const next = normal(seed)
  return {
    ...of,
    id: `copy${String(seed)}`,
    embedding: of.embedding.map((x) => x + amount * next()),
  }
}

function batchesOf(items: readonly Item[], size = 500): RecordBatch[] {
  const out: RecordBatch[] = []
  for (let from = 0; from < Math.max(1, items.length); from += size) {
    const part = items.slice(from, from + size)
    const embeddings = new Float32Array(part.length * columns)
    for (const [i, { embedding }] of part.entries()) embeddings.set(embedding, i * columns)
    out.push(
      batchOf([
        textColumn(
          'id',
          part.map((i) => i.id),
        ),
        textColumn(
          'split',
          part.map((i) => i.split ?? null),
        ),
        textColumn(
          'content_hash',
          part.map((i) => i.content ?? i.id),
        ),
        binaryColumn(
          'phash',
          part.map((i) => i.phash),
        ),
        int32Column(
          'width',
          part.map((i) => i.width ?? 10),
        ),
        int32Column(
          'height',
          part.map(() => 10),
        ),
        tensorColumn('embedding', [columns], embeddings),
      ]),
    )
  }
  return out
}

async function rowsOf(
  items: readonly Item[],
  options: DuplicatesOptions = {},
  size?: number,
): Promise<Record<string, unknown>[]> {
  const batches = batchesOf(items, size)
  const source = new Flow<RecordBatch>(
    async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    },
    {
      name: 'items',
      role: 'source',
      bounded: true,
      ...(batches[0] && { schema: () => schemaOf(batches) }),
    },
  )
  const groups = source.pipe(duplicates(options), duplicateGroups())
  const out = await lastValueFrom(groups.pipe(toArray()))
  return out.flatMap((batch) => batch.toArray().map((row) => ({ ...row.toJSON() })))
}

function schemaOf([first]: readonly RecordBatch[]): RecordBatch['schema'] {
  if (!first) throw new Error('Expected a batch')
  return first.schema
}

/** Ids of the members of each group of a kind. */
async function groups(
  items: readonly Item[],
  options: DuplicatesOptions = {},
  { kind = 'near', size }: { kind?: string; size?: number } = {},
): Promise<string[][]> {
  const out: string[][] = []
  for (const row of await rowsOf(items, options, size))
    if (row['kind'] === kind) (out[row['group'] as number] ??= []).push(String(row['id']))
  return out
}

const others = Array.from({ length: 150 }, (_, i) => item(1000 + i))
const a = item(1)
const b = item(2)

describe('duplicates', () => {
  it.each([2, 20, 50, 200])('finds a group of %i near copies whole', async (copies) => {
    const group = [a, ...Array.from({ length: copies - 1 }, (_, i) => copyOf(a, 5000 + i))]
    const found = await groups([...others, ...group])
    expect(found).toEqual([group.map((i) => i.id)])
  })

  it('finds nothing among unrelated items', async () => {
    expect(await rowsOf(others)).toEqual([])
  })

  it.each([0, 1, 2])('bears %i items', async (count) => {
    expect(await rowsOf(others.slice(0, count))).toEqual([])
  })

  it('groups all rows when all are the same', async () => {
    const same = Array.from({ length: 300 }, (_, i) => ({ ...a, id: `same${String(i)}` }))
    expect((await groups(same)).map((g) => g.length)).toEqual([300])
  })

  it('groups equal contents exactly, also where nothing else is known of them', async () => {
    const none = { embedding: new Float32Array(columns), phash: null }
    const copies = ['x', 'y', 'x', 'x'].map((content, i) => ({
      id: `e${String(i)}`,
      content,
      ...none,
    }))
    const rows = await rowsOf([...copies, ...others])
    const about = ['group', 'kind', 'id', 'by', 'keep', 'embedding_distance', 'hash_distance']
    const tuples = rows.map((row) => about.map((name) => row[name]))
    const members = (kind: string): unknown[][] => [
      [0, kind, 'e0', null, true, null, null],
      [0, kind, 'e2', 'hash', false, 0, 0],
      [0, kind, 'e3', 'hash', false, 0, 0],
    ]
    expect(tuples).toEqual([...members('exact'), ...members('near')])
  })

  it('puts exact copies into the near group of their content', async () => {
    const near = { ...copyOf(a, 7), width: 20 }
    const items = [{ ...a, content: 'x' }, ...others, near, { ...a, id: 'twin', content: 'x' }]
    expect(await groups(items)).toEqual([[a.id, near.id, 'twin']])
    expect(await groups(items, {}, { kind: 'exact' })).toEqual([[a.id, 'twin']])
    const kept = (await rowsOf(items)).filter((row) => row['keep'] === true).map((r) => r['id'])
    expect(kept).toEqual([a.id, near.id])
  })

  it('finds what only the hash sees, and what only the embedding sees', async () => {
    const blurred = { ...b, id: 'blurred', embedding: item(77).embedding }
    const turned = { ...copyOf(a, 8), id: 'turned', phash: item(88).phash }
    const rows = await rowsOf([a, b, ...others, blurred, turned])
    expect(rows.map((row) => [row['group'], row['id'], row['by']])).toEqual([
      [0, a.id, null],
      [0, 'turned', 'embedding'],
      [1, b.id, 'phash'],
      [1, 'blurred', null],
    ])
  })

  it('takes a mirrored hash for the same picture', async () => {
    const flipped = {
      ...b,
      id: 'flipped',
      embedding: item(77).embedding,
      phash: mirrored(b.phash ?? new Uint8Array(8)),
    }
    expect(await groups([b, ...others, flipped])).toEqual([[b.id, 'flipped']])
  })

  it('does not chain what is unlike the member that is kept', async () => {
    const step = (share: number, id: string): Item => ({
      ...a,
      id,
      phash: null,
      embedding: a.embedding.map((x, i) => (1 - share) * x + share * (b.embedding[i] ?? 0)),
    })
    const chain = Array.from({ length: 21 }, (_, i) => step(i / 20, `chain${String(i)}`))
    const found = await groups([...chain, ...others], { phash: false })
    expect(found.flat().sort()).toEqual(chain.map((c) => c.id).sort())
    for (const members of found) {
      const places = members.map((id) => Number(id.slice(5)))
      expect(Math.max(...places) - Math.min(...places)).toBeLessThan(20)
    }
  })

  it('ignores dead columns and zero embeddings', async () => {
    const dead = (i: Item): Item => ({
      ...i,
      embedding: i.embedding.map((x, at) => (at % 2 ? x : 0)),
    })
    const zero = { embedding: new Float32Array(columns), phash: null }
    const items = [a, ...others, copyOf(a, 9)].map(dead)
    const found = await groups([...items, { id: 'z1', ...zero }, { id: 'z2', ...zero }])
    expect(found).toEqual([[a.id, 'copy9']])
  })

  it('answers the same however the rows are batched', async () => {
    const items = [a, ...others, copyOf(a, 3), copyOf(b, 4), b]
    const whole = await rowsOf(items)
    expect(whole.length).toBe(4)
    for (const size of [1, 2]) expect(await rowsOf(items, {}, size)).toEqual(whole)
  })

  it('allows more with more false pairs', async () => {
    const far = copyOf(a, 5, 0.45)
    const items = [{ ...a, phash: null }, ...others, { ...far, phash: null }]
    expect(await groups(items, { falsePairs: 1e-9 })).toEqual([])
    expect(await groups(items, { falsePairs: 1000 })).not.toEqual([])
  })

  it('keeps the columns it is given', async () => {
    const [batch] = batchesOf([a, copyOf(a, 2)])
    if (!batch) throw new Error('Expected a batch')
    const source = new Flow<RecordBatch>(
      async function* () {
        yield await Promise.resolve(batch)
      },
      { name: 'items', role: 'source', bounded: true, schema: () => batch.schema },
    )
    const flow = flowOf(source.pipe(duplicates()))
    const out = await lastValueFrom(flow)
    expect(String(out.schema)).toBe(String(await flow.schema()))
    expect([...column(out, 'id')]).toEqual([a.id, 'copy2'])
    expect([...column(out, 'near_group')]).toEqual([0, 0])
    expect([...column(out, 'exact_group')]).toEqual([null, null])
  })

  const wrong = [
    {
      options: { falsePairs: 0 },
      message: 'Expected option `falsePairs` to be a number from 1e-9 to 1000, got `0` (number)',
    },
    {
      options: { embeding: 'x' },
      message:
        'Expected duplicates to be given only known options, got `embeding`; did you mean `embedding`?',
    },
    {
      options: { embedding: false, phash: false, contentHash: false } as const,
      message: 'Expected duplicates to be given a column, got `false` for all three',
    },
  ]
  it.each(wrong)('refuses $options', ({ options, message }) => {
    expect(() => duplicates(options)).toThrow(new OptionError(message))
  })

  const wrongRules = [
    {
      options: { rule: { slope: 2 } },
      message: 'Expected option `rule.slope` to be a number above 2, got `2` (number)',
    },
    {
      options: { rule: { percentile: 101 } },
      message: 'Expected option `rule.percentile` to be a number from 0 to 100, got `101` (number)',
    },
    {
      options: { rule: { distance: Number.NaN } },
      message: 'Expected option `rule.distance` to be a number of at least 0, got `NaN` (number)',
    },
    { options: { rule: 'slope' }, got: '`slope`' },
    { options: { rule: { slop: 3 } }, got: 'an object' },
    { options: { rule: { slope: 3, distance: 3 } }, got: 'an object' },
    { options: { rule: {} }, got: 'an object' },
    { options: { rule: null }, got: 'null' },
    {
      options: { k: 3 },
      message: "Expected no option `k` with rule 'evidence', which does not use it",
    },
    {
      options: { metric: 'cosine' },
      message: "Expected no option `metric` with rule 'evidence', which does not use it",
    },
    {
      options: { rule: { distance: 1 }, k: 3 },
      message: 'Expected no option `k` with rule `distance`, which does not use it',
    },
    {
      options: { rule: { slope: 3 }, falsePairs: 1 },
      message: 'Expected no option `falsePairs` with a rule of distances, which does not use it',
    },
    {
      options: { rule: { slope: 3 }, phash: 'phash' },
      message: 'Expected no option `phash` with a rule of distances, which does not use it',
    },
    {
      options: { rule: { slope: 3 }, k: 0 },
      message: 'Expected option `k` to be a positive integer, got `0` (number)',
    },
    {
      options: { rule: { slope: 3 }, embedding: false },
      message: 'Expected a column of embeddings for a rule of distances, got `false`',
    },
    {
      options: { spread: true, embedding: false },
      message: 'Expected a column of embeddings for `spread`, got `false`',
    },
    {
      options: { rule: { bits: 6 }, metric: 'cosine' },
      message: 'Expected no option `metric` with rule `bits`, which does not use it',
    },
    {
      options: { rule: { bits: 6 }, embedding: 'embedding' },
      message: 'Expected no option `embedding` with rule `bits`, which does not use it',
    },
    {
      options: { rule: { bits: 64 } },
      message: 'Expected option `rule.bits` to be a number from 0 to 63, got `64` (number)',
    },
    {
      options: { rule: { bits: 1.5 } },
      message: 'Expected option `rule.bits` to be a whole number, got `1.5` (number)',
    },
    {
      options: { rule: { bits: 6 }, phash: false },
      message: 'Expected a column of perceptual hashes for rule `bits`, got `false`',
    },
    {
      options: { linkage: 'average' },
      message:
        "Expected option `linkage` to be one of 'star', 'single', 'complete', got `average` (string)",
    },
    {
      options: { across: 'split', within: 'split' },
      message: 'Expected one of the options `across` and `within`, got both',
    },
  ]
  it.each(wrongRules)('refuses $options', ({ options, got, message }) => {
    const expected =
      message ??
      `Expected option \`rule\` to be 'evidence', a function, or an object with one of \`slope\`, \`percentile\`, \`distance\`, \`bits\`, got ${got}`
    expect(() => duplicates(options as DuplicatesOptions)).toThrow(new OptionError(expected))
  })

  describe('by bits', () => {
    /** The hash with its bits at `bits` turned over. */
    function turned(hash: Uint8Array | null, ...bits: number[]): Uint8Array {
      const out = Uint8Array.from(hash ?? [])
      for (const bit of bits) out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
      return out
    }
    const off = (id: string, hash: Uint8Array | null, more: Partial<Item> = {}): Item => ({
      ...{ ...item(Number(id.slice(1)) + 300), id, phash: hash },
      ...more,
    })
    // Each three bits from the one before it, so the ends are six apart.
    const chain = [
      off('c0', a.phash, { split: 'train' }),
      off('c1', turned(a.phash, 3, 17, 40), { split: 'test', width: 30 }),
      off('c2', turned(a.phash, 3, 17, 40, 5, 22, 63), { split: 'train' }),
      off('c3', turned(a.phash, 3, 17, 40, 5, 22, 63, 8, 9, 10), { split: 'train' }),
    ]
    const items = [...chain.slice(0, 2), ...others, off('c8', null), ...chain.slice(2)]

    it('finds pairs by the hash alone, and says how far they are', async () => {
      const rows = await rowsOf(items, { rule: { bits: 3 } })
      const about = ['group', 'id', 'keep', 'by', 'hash_distance', 'embedding_distance']
      expect(rows.map((row) => about.map((name) => row[name]))).toEqual([
        [0, 'c0', false, 'phash', 3, null],
        [0, 'c1', true, null, null, null],
        [0, 'c2', false, 'phash', 3, null],
      ])
      for (const size of [1, 2])
        expect(await rowsOf(items, { rule: { bits: 3 } }, size)).toEqual(rows)
      // The mirror of a hash is near by the evidence only.
      const mirror = off('m1', mirrored(a.phash ?? new Uint8Array(8)))
      expect(await groups([...others, a, mirror], { rule: { bits: 10 } })).toEqual([])
    })

    it.each([
      [{ linkage: 'star', rule: { bits: 3 } }, [['c0', 'c1', 'c2']]],
      [{ linkage: 'single', rule: { bits: 3 } }, [['c0', 'c1', 'c2', 'c3']]],
      [
        { linkage: 'complete', rule: { bits: 3 } },
        [
          ['c0', 'c1'],
          ['c2', 'c3'],
        ],
      ],
      [
        { linkage: 'complete', rule: { bits: 6 } },
        [
          ['c0', 'c1'],
          ['c2', 'c3'],
        ],
      ],
      [{ linkage: 'complete', rule: { bits: 9 } }, [['c0', 'c1', 'c2', 'c3']]],
      [{ linkage: 'single', rule: { bits: 2 } }, []],
      [{ linkage: 'single', rule: { bits: 3 }, across: 'split' }, [['c0', 'c1', 'c2']]],
      [{ linkage: 'single', rule: { bits: 3 }, within: 'split' }, [['c2', 'c3']]],
    ] as const)('makes groups that respect the threshold: %j', async (options, expected) => {
      expect(await groups(items, options)).toEqual(expected)
    })

    it('goes by the nearest of all forms, where the hashes have them', async () => {
      function all(...forms: (Uint8Array | null)[]): Uint8Array {
        const out = new Uint8Array(64)
        for (let i = 0; i < 8; i++) out.set(forms[i] ?? item(400 + i).phash ?? [], 8 * i)
        return out
      }
      const forms = Array.from({ length: 8 }, (_, i) => item(500 + i).phash)
      const some = others.map((other, i) => ({
        ...other,
        phash: all(
          other.phash,
          ...Array.from({ length: 7 }, (_, form) => item(2000 + 7 * i + form).phash),
        ),
      }))
      const upright = off('c0', all(...forms))
      // Its fourth form is the picture itself but for two bits; and one of which only its own forms tell.
      const onSide = off('c1', all(turned(forms[3] ?? null, 1, 2), null))
      const other = off('c2', all(item(600).phash, turned(forms[0] ?? null, 4, 50, 60)))
      const rows = await rowsOf([...some, other, upright, onSide], {
        rule: { bits: 3 },
        linkage: 'single',
      })
      expect(rows.map((row) => [row['id'], row['keep'], row['hash_distance']])).toEqual([
        ['c2', false, 3],
        ['c0', true, null],
        ['c1', false, 2],
      ])
      const mixed = [off('c0', all(...forms)), off('c1', a.phash)]
      await expect(rowsOf(mixed, { rule: { bits: 3 } })).rejects.toThrow(
        'Expected hashes of 64 bytes in column `phash`, got 8 at row 1',
      )
      await expect(rowsOf([upright])).rejects.toThrow('Expected hashes of 8 bytes')
    })
  })

  it('refuses a missing column, a hash of another length, and values that are not finite', async () => {
    await expect(rowsOf([a], { embedding: 'emb' })).rejects.toThrow(SchemaError)
    await expect(rowsOf([a], { across: 'set' })).rejects.toThrow(SchemaError)
    await expect(rowsOf([{ ...a, phash: new Uint8Array(7) }])).rejects.toThrow(DataError)
    const broken = { ...a, embedding: a.embedding.map(() => Infinity) }
    await expect(rowsOf([broken])).rejects.toThrow(DataError)
  })
})
