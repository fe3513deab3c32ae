import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/errors.ts'
import { loadIndex, neighborIndex, saveIndex } from '../../../src/models/indexes.ts'
import { checkUsearchFile } from '../../../src/models/usearch-file.ts'
import { craftFile } from '../../helpers/signed-model.ts'

const [numRows, columns] = [200, 8]
const shape = { numRows, columns, metric: 'cosine' } as const
/** Where the parts of the file are. */
const head = 8 + 4 * columns * numRows
const graph = head + 64
const levels = graph + 40
const nodes = levels + 2 * numRows

let parent: string
let folder: string
let whole: Buffer
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-usearch-'))
  folder = join(parent, 'index')
  await save('cosine', numRows, folder)
  whole = await readFile(join(folder, 'index.usearch'))
})
afterAll(() => rm(parent, { recursive: true }))

async function save(metric: 'cosine' | 'euclidean', rows: number, to: string): Promise<void> {
  const index = neighborIndex('hnsw', metric, columns)
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * i))
  const keys = Array.from({ length: rows }, (_, i) => `k${String(i)}`)
  await index.insert({ rows, columns, values }, keys)
  await saveIndex(to, index)
  await index.close()
}

/** Where the first node that is not on the bottom alone keeps its neighbours on level 1. */
function upperList(bytes: Buffer): number {
  let at = nodes
  for (let node = 0; ; node++) {
    const level = bytes.readInt16LE(levels + 2 * node)
    if (level > 0) return at + 10 + 4 + 4 * 32
    at += 10 + 4 + 4 * 32
  }
}

function onTheBottom(bytes: Buffer): number {
  let node = 0
  while (bytes.readInt16LE(levels + 2 * node) > 0) node++
  return node
}

const far = 2 ** 40
const crafted: readonly (readonly [string, (bytes: Buffer) => unknown, string])[] = [
  ['more rows', (b) => b.writeUInt32LE(2 ** 32 - 1, 0), 'rows to be 200, got 4294967295'],
  ['longer rows', (b) => b.writeUInt32LE(64, 4), 'bytes of a row to be 32, got 64'],
  ['a value that is no number', (b) => b.writeFloatLE(NaN, 8 + 32), 'others in row 1'],
  ['another magic', (b) => b.write('usearcH', head), 'an index of usearch'],
  ['another version', (b) => b.writeUInt16LE(3, head + 7), 'its version to be 2, got 3'],
  ['another metric', (b) => b.write('e', head + 13), 'the metric to be c, got e'],
  ['an unknown metric', (b) => b.write('z', head + 13), 'the metric to be c, got z'],
  ['other values', (b) => b.writeUInt8(10, head + 14), 'the type of values to be 11, got 10'],
  ['other keys', (b) => b.writeUInt8(15, head + 15), 'the type of keys to be 14, got 15'],
  ['other slots', (b) => b.writeUInt8(2, head + 16), 'the type of slots to be 15, got 2'],
  ['rows removed', (b) => b.writeUInt8(1, head + 25), 'rows removed to be 0, got 1'],
  ['more columns', (b) => b.writeUInt32LE(1e6, head + 33), 'columns to be 8, got 1000000'],
  ['several rows of a key', (b) => b.writeUInt8(1, head + 41), 'rows of one key to be 0, got 1'],
  ['more nodes', (b) => b.writeBigUInt64LE(BigInt(far), graph), 'nodes to be 200, got 10995'],
  ['more room', (b) => b.writeBigUInt64LE(BigInt(far), graph + 8), 'from 1 to 4096, got 10995'],
  ['no room', (b) => b.writeBigUInt64LE(0n, graph + 16), 'from 1 to 4096, got 0'],
  ['a higher top', (b) => b.writeUInt8(99, graph + 24), 'the top level to be'],
  ['a first node that is not there', (b) => b.writeUInt32LE(200, graph + 32), 'to 199, got 200'],
  ['a node below the bottom', (b) => b.writeInt16LE(-30_000, levels), 'the level of a node'],
  ['a node above the top', (b) => b.writeInt16LE(30_000, levels), 'the level of a node'],
  ['two levels of a node', (b) => b.writeInt16LE(3, nodes + 8), 'the level of a node to be 0'],
  ['a key twice', (b) => b.writeUInt8(1, nodes), 'the key of a node to be 0, got 1'],
  ['more neighbours than room', (b) => b.writeUInt32LE(33, nodes + 10), 'from 0 to 32, got 33'],
  ['a neighbour that is not there', (b) => b.writeUInt32LE(200, nodes + 14), 'got node 200'],
  [
    'a neighbour that is not on the level',
    (b) => {
      const at = upperList(b)
      b.writeUInt32LE(1, at)
      b.writeUInt32LE(onTheBottom(b), at + 4)
    },
    'a neighbour on level 1, got node',
  ],
]

/** What it says of `bytes`. */
async function refusal(bytes: Uint8Array): Promise<unknown> {
  const path = join(parent, 'crafted')
  await writeFile(path, bytes)
  try {
    checkUsearchFile(path, shape)
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
    return (error as Error).message
  }
  return undefined
}

describe('checkUsearchFile', () => {
  it('lets through what usearch saved', async () => {
    for (const metric of ['cosine', 'euclidean'] as const)
      for (const rows of [0, 1, 3000]) {
        const to = join(parent, `${metric}${String(rows)}`)
        await save(metric, rows, to)
        const saved = { numRows: rows, columns, metric }
        checkUsearchFile(join(to, 'index.usearch'), saved)
        const index = await loadIndex(to)
        expect(index.numRows).toBe(rows)
        await index.close()
      }
  })

  it.each(crafted)('refuses %s', async (_, change, message) => {
    const bytes = Buffer.from(whole)
    change(bytes)
    expect(await refusal(bytes)).toContain(message)
  })

  it('refuses a file that is cut anywhere, or longer', async () => {
    for (const length of [0, 7, 100, head, graph + 3, levels + 9, nodes + 5, whole.length - 1])
      expect(await refusal(whole.subarray(0, length))).toContain('bytes more, got')
    const longer = Buffer.concat([whole, Buffer.alloc(1)])
    expect(await refusal(longer)).toBe('Expected bytes left to be 0, got 1')
  })
})

describe('loadIndex', () => {
  it('refuses a crafted index whose checksums are right, and goes on', async () => {
    await craftFile(folder, 'index.usearch', (bytes) => {
      bytes.writeUInt32LE(2 ** 31 - 1, nodes + 14)
      return bytes
    })
    const error: unknown = await loadIndex(folder).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataError)
    expect((error as Error).message).toContain('a neighbour on level 0, got node 2147483647')
  })
})
