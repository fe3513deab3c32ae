import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { PageSelection } from '../../../src/report/page-selection.ts'
import { reportPage } from '../../../src/report/report-page.ts'
import {
  groupBatches,
  itemBatches,
  rejectBatches,
  summaryOf,
  thumbnailBatch,
} from '../../helpers/report-tables.ts'

/** Synthetic items in batches of 4,000, with long ids where the page escapes every character. */
function* items(count: number, idOf: (i: number) => string): Generator<RecordBatch> {
  for (let start = 0; start < count; start += 4000)
    yield* itemBatches(
      Array.from({ length: Math.min(4000, count - start) }, (_, k) => {
        const i = start + k
        const label = `label ${String(i % 500)}`
        return { id: idOf(i), label, familiarity: Math.sin(i), x: Math.cos(i), y: i % 1009 }
      }),
    )
}

function* groups(count: number, idOf: (i: number) => string): Generator<RecordBatch> {
  for (const kind of ['exact', 'near'])
    for (let start = 0; start < count / 20; start += 4000)
      yield* groupBatches(
        Array.from({ length: Math.min(4000, count / 20 - start) }, (_, k) => {
          const i = start + k
          const split = i % 3 === 0 ? 'train' : 'test'
          return {
            kind,
            group: Math.floor(i / 5),
            id: idOf(i * 3),
            split,
            keep: i % 5 === 0,
            by: 'phash',
          }
        }),
      )
}

function* thumbnails(ids: ReadonlySet<string>, bytes: number): Generator<RecordBatch> {
  for (const id of ids) {
    const picture = new Uint8Array(bytes)
    picture.set([0xff, 0xd8, 0xff])
    yield thumbnailBatch(new Map([[id, picture]]))
  }
}

function plain(i: number): string {
  return `train/some label/picture ${String(i)}.jpg`
}

/** 200 and more characters, each six bytes long in markup or in JSON. */
function hostile(i: number): string {
  return `${'"\u2028'.repeat(150)}/${String(i)}`
}

describe('PageSelection, memory', () => {
  it('holds no more after 200,000 items than after 20,000', () => {
    setFlagsFromString('--expose-gc')
    const collectOnce = runInNewContext('gc') as () => void
    const collect = () => {
      collectOnce() // buffers are freed by the collection after the one that finds them unused
      collectOnce()
    }
    const held = [20_000, 200_000].map((count) => {
      collect()
      const before = process.memoryUsage()
      const selection = new PageSelection({ seed: 0 })
      for (const batch of groups(count, plain)) selection.addGroups(batch)
      for (const batch of items(count, plain)) selection.addItems(batch)
      collect()
      const after = process.memoryUsage()
      expect(selection.finish().placed).toBe(count)
      return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
    })
    const [few = 0, many = 0] = held
    expect(many - few).toBeLessThan(4_000_000)
  }, 60_000)
})

describe('reportPage', () => {
  for (const { name, count, idOf, bytes } of [
    { name: '200,000 common ids and pictures', count: 200_000, idOf: plain, bytes: 2500 },
    { name: '20,000 hostile ids and large pictures', count: 20_000, idOf: hostile, bytes: 20_000 },
  ])
    it(`holds 20 MB for ${name}`, async () => {
      const page = await reportPage({
        items: items(count, idOf),
        groups: groups(count, idOf),
        rejects: rejectBatches(
          Array.from({ length: 5000 }, (_, i) => ({ id: idOf(i), message: '<'.repeat(1000) })),
        ),
        thumbnails: (ids) => thumbnails(ids, bytes),
        summary: summaryOf({ items: count }),
      })
      const size = Buffer.byteLength(page)
      expect(size).toBeLessThanOrEqual(20_000_000)
      expect(size).toBeGreaterThan(15_000_000)
      expect(page).toContain(`of ${count.toLocaleString('en-US')} items. All are in items.parquet`)
      expect(page).toContain('The first 200 are listed; all are in rejects.parquet.')
      expect(page.match(/<article\s+class="group/g)).toHaveLength(200)
      if (bytes > 2500) expect(page).toMatch(/[\d,]+ thumbnails left out/)
    }, 120_000)

  it('gives the same page however the tables are cut', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({
      id: plain(i),
      familiarity: i,
      x: i,
      y: -i,
    }))
    const members = [0, 1, 2].map((i) => ({ group: 0, id: plain(i), keep: i === 0 }))
    const pages = [1, 2, 50].map((size) =>
      reportPage({
        items: itemBatches(rows, size),
        groups: groupBatches(members, size),
        rejects: [],
        thumbnails: (ids) => thumbnails(ids, 100),
        summary: summaryOf({}),
      }),
    )
    const [one, two, all] = await Promise.all(pages)
    expect(two).toBe(one)
    expect(all).toBe(one)
  })

  it('leaves out the pictures of the sample first, and says so', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({
      id: plain(i),
      familiarity: i,
      x: i,
      y: i,
    }))
    const make = (maxBytes: number) =>
      reportPage(
        {
          items: itemBatches(rows),
          groups: [],
          rejects: [],
          thumbnails: (ids) => thumbnails(ids, 3000),
          summary: summaryOf({}),
        },
        { maxBytes },
      )
    const page = await make(400_000)
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(400_000)
    const left = Number(/(\d+) thumbnails left out/.exec(page)?.[1])
    expect(page.match(/data:image/g)).toHaveLength(300 - left)
    expect(page.match(/<img/g)).toHaveLength(48)
    expect(page).not.toContain('no picture</span>')
    expect(await make(20_000_000)).not.toContain('left out')
    await expect(make(1000)).rejects.toMatchObject({ code: 'OPTION' })
  })

  it('says which option is wrong, at the call', async () => {
    const tables = {
      items: [],
      groups: [],
      rejects: [],
      thumbnails: () => [],
      summary: summaryOf({}),
    }
    await expect(reportPage(tables, { seed: -1 })).rejects.toThrow('option `seed`')
    await expect(reportPage(tables, { maxByte: 1 } as never)).rejects.toThrow('`maxBytes`')
  })
})
