import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readable } from '../../../src/report/html.ts'
import { reportPage } from '../../../src/report/report-page.ts'
import { chromiumPath, launchChromium } from '../../helpers/chromium.ts'
import {
  groupBatches,
  type GroupMember,
  itemBatches,
  type ItemRow,
  rejectBatches,
  summaryOf,
  thumbnailBatch,
  withDoubts,
} from '../../helpers/report-tables.ts'

const path = chromiumPath()
const desk = { viewport: { width: 1280, height: 900 } }
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

/** What a file's name must not do: each sets `window.pwned` if it is taken for markup or script. */
const hostile = [
  '<script>window.pwned=1</script>.png',
  '</script><script>window.pwned=2</script>',
  '"><img src=x onerror="window.pwned=3">',
  "' onmouseover='window.pwned=4' x='",
  '<!--<script>',
  '\u2028window.pwned=5\u2029',
  '</style><svg onload=window.pwned=6>',
  '&lt;script&gt;window.pwned=7',
  '\u202egnp.exe\0',
  'javascript:window.pwned=8',
  '${window.pwned=9}`',
  '\ud83d lone',
]

const items: ItemRow[] = [
  { id: 'train/cats/a.png', label: 'cats', split: 'train', familiarity: -5, x: 0, y: 1 },
  { id: 'test/cats/b.png', label: 'cats', split: 'test', familiarity: -4, x: 0, y: 0 },
  { id: 'train/dogs/c.png', label: 'dogs', split: 'train', familiarity: -3, x: 1, y: 1 },
  { id: 'train/dogs/d.png', label: 'dogs', split: 'train', familiarity: -2, x: 1, y: 0 },
  { id: 'middle.png', label: null, split: null, familiarity: -1, x: 0.5, y: 0.5 },
].map((item, i) => ({ ...item, width: 10 + i, height: 20, percentile: 10 + 20 * i }))

const groups: GroupMember[] = [
  { group: 0, id: 'train/cats/a.png', split: 'train', keep: true },
  { group: 0, id: 'test/cats/b.png', split: 'test', by: 'hash' },
  { group: 0, kind: 'near', id: 'train/dogs/c.png', split: 'train', keep: true },
  ...[{ group: 0, kind: 'near', id: 'train/dogs/d.png', split: 'train', by: 'phash' }].map(
    (member) => ({ ...member, embedding: 0.125, hash: 3 }),
  ),
]

const hostileItems: ItemRow[] = hostile.map((text, i) => ({
  id: `${text}/${text}`,
  label: text,
  split: text,
  familiarity: i,
  x: i,
  y: i % 3,
}))

async function pageOf(rows: readonly ItemRow[], members: readonly GroupMember[], text: string) {
  const square = { width: 32, height: 32, channels: 3 as const }
  const pictures = new Map<string, Uint8Array>()
  for (const [i, { id }] of rows.entries()) {
    const background = { r: (i * 50) % 256, g: 90, b: 160 }
    pictures.set(
      id,
      await sharp({ create: { ...square, background } })
        .webp()
        .toBuffer(),
    )
  }
  return reportPage({
    items: itemBatches(rows).map((batch) => withDoubts(batch, text || 'other')),
    groups: groupBatches(members),
    rejects: rejectBatches([{ id: `${text}bad.png`, message: `Expected a picture, got ${text}` }]),
    thumbnails: () => [thumbnailBatch(pictures)],
    summary: summaryOf({
      sources: [`${text}pictures`],
      items: rows.length,
      rejects: 1,
      exactGroups: 1,
      nearGroups: 1,
      leaks: { exact: 1, near: 0 },
      versions: { [text]: text },
      parameters: { [text]: { nested: text } },
    }),
  })
}

describe.skipIf(path === undefined)('the page in a browser', () => {
  let browser: Browser
  let folder: string
  const troubles: string[] = []

  beforeAll(async () => {
    browser = await launchChromium(path ?? '')
    folder = await mkdtemp(join(tmpdir(), 'millrace-page-'))
    await writeFile(join(folder, 'index.html'), await pageOf(items, groups, ''))
    const members = hostileItems.map(({ id, split = null }, i) => {
      return { group: Math.floor(i / 2), kind: 'near', id, split, keep: i % 2 === 0, by: id }
    })
    await writeFile(
      join(folder, 'hostile.html'),
      await pageOf(hostileItems, members, hostile.join('')),
    )
  })

  afterAll(async () => {
    await browser.close()
    await rm(folder, { recursive: true })
  })

  /** Opens a page; whatever it logs, throws, or asks of a network is a trouble. */
  async function open(options: BrowserContextOptions, name = 'index.html'): Promise<Page> {
    troubles.length = 0
    const page = await browser.newPage(options)
    page.on('console', (message) => troubles.push(message.text()))
    page.on('pageerror', (error) => troubles.push(String(error)))
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) troubles.push(request.url())
    })
    await page.goto(pathToFileURL(join(folder, name)).href)
    return page
  }

  /** Where a point is in the window: the corners of the canvas hold those of the data, 16 px inside. */
  async function pointAt(page: Page, x: number, y: number): Promise<{ x: number; y: number }> {
    const canvas = page.locator('#map canvas')
    await canvas.scrollIntoViewIfNeeded()
    const box = await canvas.boundingBox()
    if (!box) throw new Error('Expected a canvas')
    return { x: box.x + 16 + x * (box.width - 32), y: box.y + 16 + y * (box.height - 32) }
  }

  async function loadedPictures(page: Page, selector: string): Promise<number> {
    return page.evaluate(
      `(async () => {
        const pictures = [...document.querySelectorAll(${JSON.stringify(selector)})]
        await Promise.all(pictures.map((p) => p.decode()))
        return pictures.filter((p) => p.naturalWidth === 32).length
      })()`,
    )
  }

  it('shows counts, groups, leaks, distances and pictures', async () => {
    const page = await open(desk)
    expect(await page.locator('.counts b').allInnerTexts()).toEqual([
      '5',
      '1',
      '0',
      '1',
      '1',
      '1',
      '0',
      '5',
      '5',
      '1',
    ])
    const exact = page.locator('#exact-0')
    expect(await exact.innerText()).toMatch(
      /Exact 0[^]*2 items[^]*leak: train \+ test[^]*keep[^]*copy/,
    )
    expect(await exact.locator('.keep .name').innerText()).toBe('a.png')
    const near = page.locator('#near-0')
    expect(await near.innerText()).toMatch(/distance 0\.125\s+3 bits/)
    expect(await near.innerText()).not.toContain('leak')
    expect(await loadedPictures(page, '#duplicates img')).toBe(4)
    expect(await page.locator('#familiarity h3').first().innerText()).toBe('Least familiar')
    expect(await page.locator('#rejects tbody').innerText()).toContain('Expected a picture, got')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('shows a point’s picture on hover, and pins it at a click', async () => {
    const page = await open(desk)
    const { x, y } = await pointAt(page, 0.5, 0.5)
    await page.mouse.move(x + 3, y)
    const tip = page.locator('#map .tip')
    expect(await tip.innerText()).toMatch(/middle\.png[^]*familiarity\s+−1, highest 10/)
    expect(await loadedPictures(page, '#map .tip img')).toBe(1)
    await page.mouse.click(x + 3, y)
    const panel = page.locator('#map .pinned-item')
    expect(await panel.innerText()).toContain('middle.png')
    expect(await panel.innerText()).toMatch(/size\s+14 × 20/)
    expect(await loadedPictures(page, '#map .pinned-item img')).toBe(1)
    const cat = await pointAt(page, 0, 0)
    await page.mouse.click(cat.x, cat.y)
    expect(await panel.innerText()).toContain('train/cats/a.png')
    expect(await panel.locator('a').getAttribute('href')).toBe('#exact-0')
    await page.mouse.click((x + cat.x) / 2, (y + cat.y) / 2)
    expect(await panel.innerText()).toBe('')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('tells what is unusual and doubtful, and draws histograms on two scales', async () => {
    const page = await open(desk)
    expect(await page.locator('#unusual .notes').first().innerText()).toBe(
      'darker than others; other',
    )
    expect(await page.locator('#unusual tbody tr').allInnerTexts()).toEqual([
      'cats\t2\t2\t2\t2',
      'dogs\t2\t2\t2\t2',
      'no label\t1\t1\t1\t1',
    ])
    expect(await page.locator('#label-errors .notes').first().innerText()).toMatch(
      /→ other\s+0\.75/,
    )
    expect(await loadedPictures(page, '#label-errors img, #clusters img')).toBe(15)
    const [linear, log] = ['linear', 'log'].map((scale) =>
      page.locator(`.histogram .${scale}`).first(),
    )
    expect([await linear?.isVisible(), await log?.isVisible()]).toEqual([true, false])
    await page.locator('[name="scale"][value="log"]').check()
    expect([await linear?.isVisible(), await log?.isVisible()]).toEqual([false, true])
    expect(troubles).toEqual([])
    await page.close()
  })

  it('is worked by the keyboard', async () => {
    const page = await open(desk)
    await page.locator('#map canvas').focus()
    const panel = page.locator('#map .pinned-item')
    const seen: string[] = []
    for (const key of ['ArrowUp', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowLeft']) {
      await page.keyboard.press(key)
      await page.keyboard.press('Enter')
      seen.push(await panel.locator('.id').innerText())
    }
    const names = seen.map((id) => id.split('/').at(-1))
    expect(names).toEqual(['a.png', 'b.png', 'd.png', 'c.png', 'a.png', 'a.png'])
    await page.keyboard.press('Escape')
    expect(await panel.innerText()).toBe('')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('hides what the legend switches off, and magnifies', async () => {
    const page = await open(desk)
    const clickAt = async (x: number, y: number) => {
      const at = await pointAt(page, x, y)
      await page.mouse.click(at.x, at.y)
    }
    const cats = page.locator('.legend button', { hasText: 'cats' })
    await cats.click()
    expect(await cats.getAttribute('aria-pressed')).toBe('false')
    await clickAt(0, 0)
    const panel = page.locator('#map .pinned-item')
    expect(await panel.innerText()).toBe('')
    await page.locator('[data-all]').click()
    expect(await page.locator('.legend [aria-pressed="true"]').count()).toBe(3)
    await page.locator('[data-all]').click()
    expect(await page.locator('.legend [aria-pressed="false"]').count()).toBe(3)
    await cats.click()
    await clickAt(0, 0)
    expect(await panel.innerText()).toContain('a.png')
    await clickAt(1, 1)
    expect(await panel.innerText()).toBe('')
    await page.locator('[data-all]').click()
    await clickAt(0, 0)
    const place = 'document.querySelector("#map .ring.pinned").style.transform'
    const before = await page.evaluate<string>(place)
    await page.locator('[data-zoom]').first().click()
    expect(await page.evaluate(place)).toBe(before) // a corner stays where it is
    await clickAt(1, 0)
    expect(await panel.innerText()).toBe('')
    await page.locator('[data-zoom="0"]').click()
    await clickAt(1, 0)
    expect(await panel.innerText()).toContain('c.png')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('fits a phone, where a tap pins', async () => {
    const page = await open(phone)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
    const { x, y } = await pointAt(page, 0.5, 0.5)
    await page.touchscreen.tap(x, y)
    expect(await page.locator('#map .pinned-item').innerText()).toContain('middle.png')
    expect(troubles).toEqual([])
    await page.close()
  })

  it('is dark where the reader likes it dark', async () => {
    const ground = async (colorScheme: 'light' | 'dark') => {
      const page = await open({ ...desk, colorScheme })
      const colour = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)'
      const [red = 0] = await page.evaluate<number[]>(colour)
      await page.close()
      return red
    }
    expect(await ground('light')).toBeGreaterThan(240)
    expect(await ground('dark')).toBeLessThan(40)
  })

  it('runs no script out of names, and shows them as they are', async () => {
    for (const options of [desk, phone]) {
      const page = await open(options, 'hostile.html')
      await page.locator('#map canvas').focus()
      for (const key of ['ArrowUp', 'Enter', ...hostile.flatMap(() => ['ArrowRight', 'Enter'])])
        await page.keyboard.press(key)
      const ids = await page.locator('#duplicates .id').allTextContents()
      expect(ids).toEqual(
        hostileItems.map(({ id }) => readable(id.replaceAll('\ud83d', '\ufffd'), 200)),
      )
      expect(await page.evaluate('window.pwned')).toBeUndefined()
      expect(await page.locator('script').count()).toBe(2)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width).toBe(options.viewport.width)
      expect(troubles).toEqual([])
      await page.close()
    }
  })

  it('is held by its content policy even where markup got in', async () => {
    const page = await open(desk)
    await page.evaluate(`document.body.insertAdjacentHTML('beforeend',
      '<img src="x:" onerror="window.pwned=1"><img src="http://127.0.0.1:9/x">')`)
    await expect
      .poll(() => troubles.filter((t) => t.includes('Content Security Policy')).length)
      .toBeGreaterThanOrEqual(2)
    expect(await page.evaluate('window.pwned')).toBeUndefined()
    await page.close()
  })
})
