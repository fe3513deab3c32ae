import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { PageData, PageGroups } from '../../../src/report/page-data.ts'
import type { PageItem } from '../../../src/report/page-item.ts'
import { standing } from '../../../src/report/payload.ts'
import { renderPage } from '../../../src/report/render-page.ts'
import { metricOf } from '../../../src/statistics/metrics.ts'
import { summaryOf } from '../../helpers/report-tables.ts'

const none: PageGroups = { groups: [], total: 0, members: 0, leaks: 0, onlyExact: 0 }
const empty: PageData = {
  exact: none,
  near: none,
  least: [],
  most: [],
  labels: [],
  otherLabelled: 0,
  metrics: [],
  outliers: undefined,
  labelErrors: undefined,
  clusters: undefined,
  points: [],
  required: 0,
  placed: 0,
  rejects: [],
  rejectCount: 0,
  summary: summaryOf({}),
  pictures: new Map(),
  picturesDropped: 0,
}
const item: PageItem = {
  id: 'a/b.png',
  label: 'l',
  split: 's',
  width: 3,
  height: 2,
  familiarity: -1.25,
  percentile: 0.4,
  labelFamiliarity: null,
  labelPercentile: null,
  x: 5,
  y: 7,
}

/** The words of a page, as one line. */
function textOf(data: Partial<PageData>): string {
  const [body = ''] = renderPage({ ...empty, ...data }).split('<script')
  return body.replace(/<style>[^]*<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}

describe('renderPage', () => {
  it('tells the gaps between splits', () => {
    const gap = { fit: 'train', other: 'test', percentileRatio: 0.5, standardError: 0.04 }
    const splitGaps = [{ ...gap, band: 'huge gap', logDensityRatio: null }]
    const words = textOf({ least: [item], summary: { ...summaryOf({}), splitGaps } })
    expect(words).toContain('test beside train huge gap 0.50 ± 0.04 signs differ')
  })

  it('scores items among those of their label where that has a density', () => {
    const own = { ...item, labelFamiliarity: 7.5, labelPercentile: 61 }
    const label = { label: 'l', count: 2, least: [own], most: [item] }
    const words = textOf({ least: [own], labels: [label] })
    expect(words.match(/7\.5|−1\.25/g)).toEqual(['−1.25', '7.5', '−1.25'])
  })

  it('draws histograms in both scales, a line for each channel', () => {
    const histogram = { from: 0, width: 0.5, counts: [1, 99] }
    const metric = { metric: metricOf('mean'), count: 100, least: 0.1, most: 0.9 }
    const values = { all: histogram, channels: [histogram, histogram, histogram] }
    const html = renderPage({ ...empty, metrics: [{ ...metric, values, logarithms: undefined }] })
    expect(html.match(/class="(?:red|green|blue)"/g)).toHaveLength(6)
    const [linear, log] = [...html.matchAll(/class="bars"\s+d="([^"]*)"/g)].map(([, d]) => d)
    expect(linear).toBe('M0.0 72V71.3H120.0V2.0H240.0V72Z')
    expect(log).toBe('M0.0 72V61.5H120.0V2.0H240.0V72Z')
  })

  it('tells why pictures are unusual, and counts them by metric and class', () => {
    const outlier = { item, reasons: ['darker than 99 % of the set', 'plainer than all others'] }
    const words = textOf({
      summary: summaryOf({ items: 40 }),
      outliers: {
        flagged: 1,
        outliers: [outlier],
        metrics: [
          { name: 'mean', count: 1, outliers: [outlier] },
          { name: 'std', count: 1, outliers: [] },
        ],
        labels: [{ label: 'l', items: 40, flagged: 1, byMetric: new Map([['mean', 1]]) }],
        otherLabels: 2,
      },
    })
    expect(words).toContain('1 picture (2.5 %) with a statistic far from those of the others')
    expect(words).toContain('darker than 99 % of the set; plainer than all others')
    expect(words).toMatch(/By class .* 2 more labels .* Label Pictures Flagged mean std l 40 1 1 –/)
  })

  it('shows the label suggested beside the one there is', () => {
    const labelErrors = { count: 3, weak: 7, errors: [{ item, suggested: 'cats', error: 0.875 }] }
    const words = textOf({ labelErrors })
    expect(words).toMatch(
      /3 items whose neighbours .* 7 items more, .* l → cats 0\.88 .*and 2 more/,
    )
  })

  it('shows clusters, what is in none and what lies apart', () => {
    const clusters = {
      ...{ total: 2, none: 5 },
      clusters: [{ cluster: 1, size: 9, members: [item] }],
      outliers: [{ item, score: 0.5 }],
    }
    const words = textOf({ clusters })
    expect(words).toMatch(/2 groups of items .* 5 items in none\. .*1 more are in items/)
    expect(words).toMatch(/Cluster 1 9 items .* Farthest apart .* 0\.50/)
  })

  it('has no trace of sections that were left out', () => {
    const leftOut = ['map', 'duplicates', 'familiarity'] as const
    const words = textOf({ summary: { ...summaryOf({}), leftOut } })
    expect(words).not.toMatch(/map|duplicate|familiar|group|leak/i)
    expect(words).toContain('Rejects')
    expect(textOf({ summary: { ...summaryOf({}), leftOut: ['map'] } })).toMatch(/Duplicates/)
  })

  const alone = { exact: none, near: none }
  const group = { group: 4, kind: 'near' as const, size: 30, splits: ['s'], members: [] }
  for (const { name, data, expected } of [
    { name: 'no duplicates', data: alone, expected: 'No two files are equal.' },
    { name: 'no coordinates', data: {}, expected: 'there is no map.' },
    { name: 'no scores', data: {}, expected: 'No item has a familiarity score.' },
    { name: 'no rejects', data: {}, expected: 'Everything could be read.' },
    {
      name: 'groups left out',
      data: { near: { ...none, groups: [group], total: 9, leaks: 2, onlyExact: 3 } },
      expected:
        '9 groups, 2 across splits. 3 of them hold only exact copies and are shown above. 5 more are in groups.parquet.',
    },
    {
      name: 'members left out',
      data: { near: { ...none, groups: [group], total: 1 } },
      expected: 'Near 4 30 items and 30 more in groups.parquet',
    },
    {
      name: 'copies to remove',
      data: {
        summary: summaryOf({ exactGroups: 2000 }),
        exact: { ...none, total: 2000, members: 5500 },
      },
      expected:
        '2,000 exact groups Files with equal bytes. Keep the marked one of each; 3,500 copies can go.',
    },
    {
      name: 'leaks',
      data: { summary: summaryOf({ leaks: { exact: 1, near: 1200 } }) },
      expected: '1 exact and 1,200 near leaks Groups that span splits;',
    },
    {
      name: 'a whole map',
      data: { points: [item], required: 1, placed: 1 },
      expected: 'All 1 are shown.',
    },
    {
      name: 'a sample',
      data: { points: [item], required: 0, placed: 90_000 },
      expected: 'This is a sample: 1 drawn at random, of 90,000 items.',
    },
    { name: 'a score', data: { least: [item] }, expected: 'a/ b.png −1.25 lowest 0.4 %' },
    {
      name: 'labels left out',
      data: {
        least: [item],
        labels: [{ label: 'l', count: 3, least: [item], most: [] }],
        otherLabelled: 8,
      },
      expected: 'The 8 items of other labels are in items.parquet.',
    },
    {
      name: 'how it was made',
      data: {
        summary: summaryOf({
          sources: ['one', 'two'],
          timings: { total: 150, scan: 0.0123 },
          versions: { millrace: '9.8.7' },
          parameters: { seed: 3, labels: null, nested: { a: [1] } },
        }),
      },
      expected:
        'Parameters seed 3 labels null nested {&quot;a&quot;:[1]} Time total 2.50 min scan 0.012 s Versions millrace 9.8.7',
    },
  ])
    it(`says ${name}`, () => {
      expect(textOf(data)).toContain(expected)
    })

  it('lets run and apply just the script and the style it holds', () => {
    const page = renderPage(empty)
    for (const [element, policy] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ] as const) {
      const [, text = ''] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page) ?? []
      const hash = createHash('sha256').update(text).digest('base64')
      expect(text.length).toBeGreaterThan(1000)
      expect(page).toContain(`${policy} &#39;sha256-${hash}&#39;`)
    }
    expect(page).toContain('default-src &#39;none&#39;; img-src data:;')
    expect(page).not.toMatch(/https?:/)
  })
})

describe('standing', () => {
  for (const [percentile, expected] of [
    [0, 'lowest 0.01 %'],
    [0.123, 'lowest 0.12 %'],
    [4.56, 'lowest 4.6 %'],
    [49.9, 'lowest 50 %'],
    [50, 'highest 50 %'],
    [88.2, 'highest 12 %'],
    [100, 'highest 0.01 %'],
  ] as const)
    it(`puts ${String(percentile)} at ${expected}`, () => {
      expect(standing(percentile).replace('\u00a0', ' ')).toBe(expected)
    })
})
