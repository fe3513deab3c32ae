import { type Field, type RecordBatch, Schema, vectorFromArray } from 'apache-arrow'
import { batchOf, column } from '../batch/batch.ts'
import type { StoredTable } from '../table/column-store.ts'
import { measureStars, type PairSource, samplePairScale, searchPairs } from './duplicate-search.ts'
import { presence } from './embedding-rows.ts'
import { DataError } from '../errors.ts'
import { noHamming } from '../kernels/near-pairs.ts'
import { DuplicateEvidence, evidenceAt, leastEvidence } from '../models/duplicate-evidence.ts'
import { nearGroups, PairGraph } from '../models/duplicate-groups.ts'

/** A member that hangs on others stays if so few unrelated pairs are as near to the kept one. */
const memberShare = 1e-3
/** Rows of a batch of the answer. */
const batchRows = 4096

/** Where to look, and how sure to be. */
export interface DuplicateSearch {
  /** Column of embeddings. */
  readonly embedding: string | undefined
  /** Column of perceptual hashes. */
  readonly phash: string | undefined
  /** Column of content hashes. */
  readonly contentHash: string | undefined
  /** False pairs allowed per 1,000 items. */
  readonly falsePairs: number
  /** Bytes of embeddings that are held at a time; twice, the second time in the kernel's thread. */
  readonly blockBytes: number
  /** The fields of the answer, in the order in which they are made. */
  readonly added: readonly Field[]
}

/** What is known of each row besides its embedding. */
interface Facts {
  readonly ids: readonly string[]
  /** Number of the first row of the same content; its own if there is none. */
  readonly original: Int32Array
  readonly pixels: Float64Array
  readonly bytes: Float64Array
  readonly hashes: Uint32Array
  readonly hasHash: Uint8Array
}

/** A near group: the kept row and its copies have no ties, the others hang on it by theirs. */
type Group = readonly {
  readonly row: number
  readonly ties:
    | undefined
    | { readonly by: 'embedding' | 'phash'; readonly distance: number; readonly hamming: number }
}[]

/** Finds the groups of a table; yields the columns that say so. */
export async function* findDuplicates(
  table: StoredTable,
  search: DuplicateSearch,
): AsyncGenerator<RecordBatch> {
  const facts = await readFacts(table, search)
  const copies = copiesOf(facts)
  const near = await findNear(table, search, facts)
  const answers = new Map(search.added.map((f) => [f.name, new Array<unknown>(table.numRows)]))
  answerExact(answers, copies, facts)
  answerNear(answers, withCopies(near, copies), facts)
  const schema = new Schema([...search.added])
  for (let from = 0; from < table.numRows; from += batchRows) {
    const columns = search.added.map((field) => {
      const values = answers.get(field.name)?.slice(from, from + batchRows) ?? []
      return {
        field,
        vector: vectorFromArray(
          [...values].map((v) => v ?? null),
          field.type,
        ),
      }
    })
    yield batchOf(columns, schema)
  }
}

async function readFacts(
  table: StoredTable,
  { phash, contentHash }: DuplicateSearch,
): Promise<Facts> {
  const { numRows } = table
  const facts = {
    ids: [] as string[],
    original: Int32Array.from({ length: numRows }, (_, row) => row),
    pixels: new Float64Array(numRows),
    bytes: new Float64Array(numRows),
    hashes: new Uint32Array(2 * numRows),
    hasHash: new Uint8Array(numRows),
  }
  const there = new Set(table.schema.fields.map((f) => f.name))
  const sizes = ['width', 'height', 'bytes'].filter((name) => there.has(name))
  const names = ['id', phash, contentHash, ...sizes].filter((n) => n !== undefined)
  const firstOf = new Map<string, number>()
  let offset = 0
  for await (const batch of table.read(names)) {
    for (let i = 0; i < batch.numRows; i++) {
      const row = offset + i
      facts.ids.push(String(column(batch, 'id').get(i)))
      facts.pixels[row] = numberIn(batch, 'width', i) * numberIn(batch, 'height', i)
      facts.bytes[row] = numberIn(batch, 'bytes', i)
      const content = contentHash && (column(batch, contentHash).get(i) as string | null)
      if (content) facts.original[row] = firstOf.get(content) ?? row
      if (content && !firstOf.has(content)) firstOf.set(content, row)
    }
    if (phash !== undefined) readHashes(batch, { phash, offset, facts })
    offset += batch.numRows
  }
  return facts
}

function readHashes(
  batch: RecordBatch,
  { phash, offset, facts }: { phash: string; offset: number; facts: Facts },
): void {
  const vector = column(batch, phash)
  for (const [i, there] of presence(vector).entries()) {
    if (there === 0) continue
    const hash = vector.get(i) as Uint8Array
    if (hash.length !== 8)
      throw new DataError(
        `Expected hashes of 8 bytes in column \`${phash}\`, got ${String(hash.length)} at row ${String(offset + i)}`,
        { url: phash },
      )
    const words = new DataView(hash.buffer, hash.byteOffset, 8)
    facts.hashes[2 * (offset + i)] = words.getUint32(0)
    facts.hashes[2 * (offset + i) + 1] = words.getUint32(4)
    facts.hasHash[offset + i] = 1
  }
}

/** The rows of each content that is there more than once, by its first row, ascending. */
function copiesOf({ original }: Facts): Map<number, number[]> {
  const copies = new Map<number, number[]>()
  for (const [row, first] of original.entries()) {
    if (first === row) continue
    const rows = copies.get(first)
    if (rows) rows.push(row)
    else copies.set(first, [first, row])
  }
  return new Map([...copies].sort(([a], [b]) => a - b))
}

async function findNear(
  table: StoredTable,
  { embedding, phash, falsePairs, blockBytes }: DuplicateSearch,
  facts: Facts,
): Promise<Group[]> {
  if (embedding === undefined && phash === undefined) return []
  const takesPart = Uint8Array.from(facts.original, (first, row) => (first === row ? 1 : 0))
  const { hashes, hasHash } = facts
  const source: PairSource = { table, embedding, hashes, hasHash, takesPart, blockBytes }
  const evidence = new DuplicateEvidence(await samplePairScale(source))
  const numItems = takesPart.reduce((sum, there) => sum + there, 0)
  const graph = new PairGraph(table.numRows)
  const limits = evidence.limits(leastEvidence(numItems, falsePairs))
  for await (const { first, second } of searchPairs(source, limits))
    for (const [i, row] of first.entries()) graph.add(row, second[i] ?? 0)
  const enough = evidenceAt(memberShare)
  const groups = await nearGroups({
    graph,
    compare: (a, b) => compareRank(facts, a, b),
    measure: (stars) => measureStars(source, stars),
    holds: (distance, hamming) => evidence.of(distance, hamming) >= enough,
  })
  return groups.map(({ kept, members }) => [
    { row: kept, ties: undefined },
    ...members.map(({ row, distance, hamming }) => {
      const hashSays = evidence.ofHamming(hamming) > evidence.ofDistance(distance)
      return { row, ties: { by: hashSays ? 'phash' : 'embedding', distance, hamming } as const }
    }),
  ])
}

/** Most pixels first, then most bytes, then the lowest id, then the first row. */
function compareRank({ pixels, bytes, ids }: Facts, a: number, b: number): number {
  const byPixels = (pixels[b] ?? 0) - (pixels[a] ?? 0)
  if (byPixels !== 0) return byPixels
  const byBytes = (bytes[b] ?? 0) - (bytes[a] ?? 0)
  if (byBytes !== 0) return byBytes
  const [x = '', y = ''] = [ids[a], ids[b]]
  return x === y ? a - b : x < y ? -1 : 1
}

type Answers = ReadonlyMap<string, unknown[]>

function answer(answers: Answers, name: string, row: number, value: unknown): void {
  const values = answers.get(name)
  if (values) values[row] = value
}

function answerExact(
  answers: Answers,
  copies: ReadonlyMap<number, readonly number[]>,
  facts: Facts,
): void {
  for (const [group, rows] of [...copies.values()].entries()) {
    const kept = bestOf(rows, facts)
    for (const row of rows) {
      answer(answers, 'exact_group', row, group)
      answer(answers, 'exact_keep', row, row === kept)
    }
  }
}

/** Adds to each near group the copies of its members, and the contents that have copies and nothing else near. */
function withCopies(
  near: readonly Group[],
  copies: ReadonlyMap<number, readonly number[]>,
): Group[] {
  const alone = new Map(copies)
  const groups = near.map((group) =>
    group.flatMap(({ row, ties }) => {
      alone.delete(row)
      return (copies.get(row) ?? [row]).map((copy) => ({ row: copy, ties }))
    }),
  )
  for (const rows of alone.values()) groups.push(rows.map((row) => ({ row, ties: undefined })))
  return groups.sort((a, b) => firstRow(a) - firstRow(b))
}

function firstRow(group: Group): number {
  return group.reduce((least, { row }) => Math.min(least, row), Infinity)
}

/** A member without ties is the kept one or its copy. */
function answerNear(answers: Answers, groups: readonly Group[], facts: Facts): void {
  for (const [number, group] of groups.entries()) {
    const same = group.filter((member) => !member.ties).map((member) => member.row)
    const kept = bestOf(same, facts)
    for (const { row, ties } of group) {
      answer(answers, 'near_group', row, number)
      answer(answers, 'near_keep', row, row === kept)
      if (row === kept) continue
      const { by, distance, hamming } = ties ?? { by: 'hash', distance: 0, hamming: 0 }
      answer(answers, 'near_by', row, by)
      if (!Number.isNaN(distance)) answer(answers, 'embedding_distance', row, distance)
      if (hamming !== noHamming) answer(answers, 'hash_distance', row, hamming)
    }
  }
}

function bestOf(rows: readonly number[], facts: Facts): number {
  return rows.reduce((best, row) => (compareRank(facts, row, best) < 0 ? row : best))
}

function numberIn(batch: RecordBatch, name: string, row: number): number {
  const value: unknown = batch.getChild(name)?.get(row)
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0
}
