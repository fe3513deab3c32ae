import { describe, expect, it } from 'vitest'
import type { PageChoice } from '../../../src/report/page-data.ts'
import { PageSelection } from '../../../src/report/page-selection.ts'
import {
  groupBatches,
  type GroupMember,
  itemBatches,
  type ItemRow,
  rejectBatches,
} from '../../helpers/report-tables.ts'

interface Tables {
  items?: readonly ItemRow[]
  groups?: readonly GroupMember[]
  seed?: number
  size?: number
}

function choose({ items = [], groups = [], seed = 0, size = 1000 }: Tables): PageChoice {
  const selection = new PageSelection({ seed })
  for (const batch of groupBatches(groups, size)) selection.addGroups(batch)
  for (const batch of itemBatches(items, size)) selection.addItems(batch)
  return selection.finish()
}

/** `count` items on a map, of two labels, more familiar the later they come. */
function itemsOf(count: number): ItemRow[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % 3 === 0 ? 'cat' : 'dog'
    return { id: `pictures/${String(i)}.png`, label, familiarity: i, x: i % 97, y: i % 89 }
  })
}

function pair(group: number, splits: readonly (string | null)[], kind = 'exact'): GroupMember[] {
  return splits.map((split, i) => {
    const id = `${kind}/${String(group)}/${String(i)}`
    return { group, kind, split, id, keep: i === 0, by: kind === 'exact' ? 'hash' : 'phash' }
  })
}

function numbers(groups: PageChoice['exact']): number[] {
  return groups.groups.map(({ group }) => group)
}

describe('PageSelection, groups', () => {
  it('shows leaks first, then the largest, then the first', () => {
    const train = ['train', 'train']
    const groups = [
      ...pair(0, train),
      ...pair(1, [...train, 'train']),
      ...pair(2, ['train', 'test']),
      ...pair(3, train),
      ...pair(4, [...train, 'test']),
      ...pair(5, [null, 'test']),
    ]
    const { exact, near } = choose({ groups })
    expect(numbers(exact)).toEqual([4, 2, 1, 0, 3, 5])
    expect(exact).toMatchObject({ total: 6, members: 14, leaks: 2, onlyExact: 0 })
    expect(exact.groups[0]).toMatchObject({ size: 3, splits: ['train', 'test'] })
    expect(near.total).toBe(0)
  })

  it('takes kinds in any order between them, and batches cut anywhere', () => {
    const groups = [0, 1, 2].flatMap((g) => [
      ...pair(g, ['a', 'b', 'a']),
      ...pair(g, ['a', 'a'], 'near'),
    ])
    const byKind = [...groups].sort((a, b) => (a.kind ?? '').localeCompare(b.kind ?? ''))
    const whole = choose({ groups })
    expect(numbers(whole.near)).toEqual([0, 1, 2])
    expect(choose({ groups, size: 1 })).toEqual(whole)
    expect(choose({ groups: byKind, size: 2 })).toEqual(whole)
  })

  it('refuses groups that do not ascend', () => {
    const groups = [...pair(1, ['a', 'a']), ...pair(0, ['a', 'a'])]
    expect(() => choose({ groups })).toThrow(
      'Expected the exact groups in ascending order, got 0 after 1',
    )
  })

  it('shows twelve members of a large group: the kept one, one of each split, then the first', () => {
    const groups: GroupMember[] = Array.from({ length: 50 }, (_, i) => ({
      group: 7,
      id: String(i),
      split: i === 40 ? 'test' : 'train',
      keep: i === 30,
    }))
    const [group] = choose({ groups }).exact.groups
    expect(group?.size).toBe(50)
    expect(group?.members.map(({ item }) => item.id)).toEqual([
      '30',
      ...'0 1 2 3 4 5 6 7 8 9'.split(' '),
      '40',
    ])
  })

  it('shares 200 places among the kinds, and gives one what the other leaves', () => {
    const many = (kind: string, count: number) =>
      Array.from({ length: count }, (_, g) => pair(g, ['a', 'a'], kind)).flat()
    for (const [exact, near, shownExact, shownNear] of [
      [300, 300, 100, 100],
      [300, 10, 190, 10],
      [10, 300, 10, 190],
    ] as const) {
      const found = choose({ groups: [...many('exact', exact), ...many('near', near)] })
      expect(found.exact.groups).toHaveLength(shownExact)
      expect(found.near.groups).toHaveLength(shownNear)
      expect([found.exact.total, found.near.total]).toEqual([exact, near])
    }
  })

  it('does not show a near group that holds only exact copies', () => {
    const copies = pair(0, ['a', 'b'], 'near').map((member) => ({ ...member, by: 'hash' }))
    const { near } = choose({ groups: [...copies, ...pair(1, ['a', 'a'], 'near')] })
    expect(numbers(near)).toEqual([1])
    expect(near).toMatchObject({ total: 2, leaks: 1, onlyExact: 1 })
  })

  it('takes what it shows of members from their items', () => {
    const items = [{ id: 'exact/0/0', label: 'cat', width: 20, height: 10, x: 1, y: 2 }]
    const [group] = choose({ groups: pair(0, ['a', 'b']), items }).exact.groups
    expect(group?.members[0]?.item).toMatchObject({ label: 'cat', width: 20, height: 10, x: 1 })
    expect(group?.members[1]?.item).toMatchObject({ id: 'exact/0/1', split: 'b', label: null })
  })
})

describe('PageSelection, items', () => {
  it('finds the extremes overall and within each label, each item on one side', () => {
    const choice = choose({ items: itemsOf(100) })
    const ends = (items: readonly { id: string }[]) => items.map(({ id }) => id.match(/\d+/)?.[0])
    expect(ends(choice.least)).toEqual(Array.from({ length: 24 }, (_, i) => String(i)))
    expect(ends(choice.most)).toEqual(Array.from({ length: 24 }, (_, i) => String(99 - i)))
    expect(choice.labels.map(({ label, count }) => [label, count])).toEqual([
      ['dog', 66],
      ['cat', 34],
    ])
    expect(ends(choice.labels[1]?.least ?? [])).toEqual(['0', '3', '6', '9', '12', '15'])
    expect(ends(choice.labels[1]?.most ?? [])).toEqual(['99', '96', '93', '90', '87', '84'])
    const few = choose({ items: itemsOf(9) })
    expect(ends(few.labels[1]?.least ?? [])).toEqual(['0', '3'])
    expect(ends(few.labels[1]?.most ?? [])).toEqual(['6'])
  })

  it('ranks within a label by its own scores where it has them', () => {
    const items = Array.from({ length: 4 }, (_, i) => ({
      ...{ id: String(i), label: i % 2 ? 'own' : 'none', familiarity: i },
      labelFamiliarity: i % 2 ? -i : null,
    }))
    const { labels } = choose({ items })
    expect(labels.map(({ label, least }) => [label, least.map(({ id }) => id)])).toEqual([
      ['none', ['0']],
      ['own', ['3']],
    ])
  })

  it('leaves out items without score, label or place, but not from the others', () => {
    const items = [
      { id: 'a', label: 'x', familiarity: NaN, x: 1, y: 1 },
      { id: 'b', label: null, familiarity: 2, x: null, y: 1 },
      { id: 'c', label: 'x', familiarity: 1, x: 1, y: Infinity },
    ]
    const choice = choose({ items })
    expect(choice.least.map(({ id }) => id)).toEqual(['c'])
    expect(choice.most.map(({ id }) => id)).toEqual(['b'])
    expect(choice.labels.map(({ label, count }) => [label, count])).toEqual([['x', 2]])
    expect(choice.points.map(({ id }) => id)).toEqual(['a'])
    expect(choice.placed).toBe(1)
  })

  it('shows sixty labels, and counts the items of the others', () => {
    const items = Array.from({ length: 2500 }, (_, i) => ({
      id: String(i),
      label: String(i % 1200),
      familiarity: i,
    }))
    const { labels, otherLabelled } = choose({ items })
    expect(labels).toHaveLength(60)
    expect(labels.reduce((sum, { count }) => sum + count, otherLabelled)).toBe(2500)
  })

  it('samples by the seed and the id alone, and keeps what is shown elsewhere', () => {
    const items = itemsOf(9000)
    const groups: GroupMember[] = [7, 8].map((i) => ({ group: 0, id: `pictures/${String(i)}.png` }))
    const choice = choose({ items, groups })
    const ids = new Set(choice.points.map(({ id }) => id))
    expect(ids.size).toBe(5000)
    expect(choice.placed).toBe(9000)
    for (const { id } of [...groups, ...choice.least, ...choice.most]) expect(ids).toContain(id)
    expect(choice.required).toBe(24 + 24 + 2 * 12 - 24)
    expect(choose({ items, groups, size: 77 })).toEqual(choice)
    const reversed = choose({ items: [...items].reverse(), groups })
    expect(new Set(reversed.points.map(({ id }) => id))).toEqual(ids)
    expect(choose({ items, groups, seed: 1 }).points).not.toEqual(choice.points)
  })

  it('samples evenly', () => {
    const tenths = new Array<number>(10).fill(0)
    for (const { id } of choose({ items: itemsOf(20_000) }).points) {
      const tenth = Math.floor(Number(id.match(/\d+/)?.[0]) / 2000)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    for (const found of tenths) expect(Math.abs(found - 500)).toBeLessThan(90) // 4.6 σ
  })
})

describe('PageSelection, rejects', () => {
  it('keeps the first 200 and counts all', () => {
    const selection = new PageSelection({ seed: 0 })
    const rows = Array.from({ length: 150 }, (_, i) => ({ id: String(i), message: 'cut' }))
    for (const batch of [...rejectBatches(rows), ...rejectBatches(rows)])
      selection.addRejects(batch)
    const { rejects, rejectCount } = selection.finish()
    expect(rejectCount).toBe(300)
    expect(rejects).toHaveLength(200)
    expect(rejects[151]).toEqual({
      id: '1',
      operator: 'decode',
      code: 'DATA',
      message: 'cut',
      attempt: 1,
    })
  })
})
