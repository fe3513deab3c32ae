import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Output, OutputStore } from '../../../src/output/output.ts'
import { s3Outputs } from '../../../src/output/s3-outputs.ts'
import { storageSettings } from '../../../src/storage/storage-options.ts'
import { type S3, startS3 } from '../../helpers/s3-proxy.ts'

const { signal } = new AbortController()
const path = 's3://data/out/rows.bin'
const key = 'out/rows.bin'
/** Parts of 8 MiB take their time through a server of one thread. */
const patient = { requestTimeoutMs: 30_000 }

let s3: S3
let store: OutputStore
beforeAll(async () => {
  s3 = await startS3()
  Object.assign(process.env, s3.env)
  store = s3Outputs({ settings: storageSettings(patient), signal, again: false })
})
afterAll(() => s3.close())

/** Bytes that differ from place to place. */
function bytes(length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = (i * 31) ^ (i >> 9)
  return out
}

async function written(length: number, pieces = 1_000_003): Promise<Output> {
  const output = await store.create(path)
  const all = bytes(length)
  for (let at = 0; at < length; at += pieces) await output.append(all.subarray(at, at + pieces))
  return output
}

/** The upload that was begun last. */
function last(): { readonly state: string; readonly parts: number } {
  const { state, parts } = s3.uploads().at(-1) ?? { state: 'none', parts: new Map() }
  return { state, parts: parts.size }
}

describe('s3Outputs', () => {
  it.each([
    [0, 1],
    [1, 1],
    [8 * 2 ** 20, 1],
    [8 * 2 ** 20 + 1, 2],
    [20_000_000, 3],
  ])('publishes an object of %i bytes, in %i parts', async (length, parts) => {
    await s3.put(key, 'as it was')
    const output = await written(length)
    expect(output.bytes).toBe(length)
    const state = await output.finish()
    expect(String(await s3.get(key))).toBe('as it was')
    await store.publish(state, { taken: false })
    expect((await s3.get(key))?.equals(bytes(length))).toBe(true)
    expect(last()).toEqual({ state: 'completed', parts })
  })

  it('publishes once, however often it is told to', async () => {
    const state = await (await written(10)).finish()
    await store.publish(state, { taken: false })
    await store.publish(state, { taken: false })
    expect((await s3.get(key))?.length).toBe(10)
  })

  it('refuses to take what another has written for its own', async () => {
    const state = await (await written(10)).finish()
    await store.publish(state, { taken: false })
    await s3.put(key, bytes(11))
    await expect(store.publish(state, { taken: false })).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: path,
      retryable: false,
    })
  })

  it('goes on where a checkpoint left it, and lets go of what came later', async () => {
    const length = 18 * 2 ** 20
    const all = bytes(length)
    const cut = 11 * 2 ** 20 + 5
    const first = await store.create(path)
    await first.append(all.subarray(0, cut))
    const state = structuredClone(await first.stage())
    expect(state.bytes).toBe(cut)
    await first.append(bytes(9 * 2 ** 20).reverse())
    await first.close()

    const second = await store.resume(state)
    await second.append(all.subarray(cut))
    await store.publish(await second.finish(), { taken: false })
    expect((await s3.get(key))?.equals(all)).toBe(true)
    expect(s3.openUploads()).toEqual([])
  })

  it('aborts an upload that was begun after the checkpoint', async () => {
    const first = await store.create(path)
    const state = structuredClone(await first.stage())
    await first.append(bytes(9 * 2 ** 20))
    await first.close()
    expect(s3.openUploads()).toEqual([key])
    const second = await store.resume(state)
    expect(s3.openUploads()).toEqual([])
    await second.append(bytes(3))
    await store.publish(await second.finish(), { taken: false })
    expect((await s3.get(key))?.length).toBe(3)
  })

  it('leaves no upload when it is discarded', async () => {
    const output = await written(9 * 2 ** 20)
    await output.discard()
    expect(s3.openUploads()).toEqual([])
    expect(last().state).toBe('aborted')
  })

  it('tells what is in a folder, published or not, and removes it', async () => {
    const names = ['part-x-000001.jsonl', 'label=a/part-x-000002.jsonl']
    for (const name of names) {
      const part = await store.create(store.within('s3://data/parts', name))
      await part.append(bytes(3))
      await store.publish(await part.finish(), { taken: true })
    }
    const open = await store.create(store.within('s3://data/parts/', 'part-x-000003.jsonl'))
    await open.append(bytes(3))
    await open.finish()
    const found: Record<string, boolean> = {}
    for await (const entry of store.entries('s3://data/parts')) {
      found[entry.path] = entry.published
      await entry.remove()
    }
    expect(found).toEqual({
      'label=a/part-x-000002.jsonl': true,
      'part-x-000001.jsonl': true,
      'part-x-000003.jsonl': false,
    })
    expect(await s3.keys('parts/')).toEqual([])
    expect(s3.openUploads()).toEqual([])
  })

  it('takes a part that is gone for one that was taken away', async () => {
    const part = await written(5)
    const state = await part.finish()
    await store.publish(state, { taken: true })
    await s3.remove(key)
    await store.publish(state, { taken: true })
    expect(await s3.get(key)).toBeUndefined()
    await expect(store.publish(state, { taken: false })).rejects.toMatchObject({ url: path })
  })

  it('copies the beginning of an object', async () => {
    await s3.put('from', bytes(1_000_000))
    const output = await store.create(path)
    await output.copy('s3://data/from', 700_001)
    await store.publish(await output.finish(), { taken: false })
    expect((await s3.get(key))?.equals(bytes(700_001))).toBe(true)
  })

  it('names what it wants where the path is no key', async () => {
    await expect(async () => store.create('s3://data')).rejects.toMatchObject({ code: 'OPTION' })
  })

  it('aborts, in a run that may be done again, what was left under the key before', async () => {
    const dead = await written(9 * 2 ** 20)
    await dead.close()
    expect(s3.openUploads()).toContain(key)
    const settings = storageSettings(patient)
    const output = await s3Outputs({ settings, signal, again: true }).create(path)
    expect(s3.openUploads()).not.toContain(key)
    await output.discard()
  })
})
