import type { PageData } from './page-data.ts'
import type { PageItem } from './page-item.ts'
import { readable } from './html.ts'
import { shownItems } from './page-selection.ts'
import { pictureUrl } from './picture-budget.ts'
import { scoreText } from './words.ts'

/** Most characters shown of an id. */
export const idLength = 200
/** Most characters shown of a label or a split. */
export const nameLength = 60

/** How many labels have a colour of their own on the map. */
const colours = 12

/** A set of points that the legend switches on and off. */
export interface Category {
  /** Its label, or what stands for several. */
  readonly name: string
  /** Number of its colour, 12 for the neutral one. */
  readonly colour: number
  /** How many points of the map are in it. */
  readonly points: number
}

/** An item as the page's script sees it. */
export interface PayloadItem {
  /** Its id. */
  readonly id: string
  /** Its label. */
  readonly label: string | null
  /** Its split. */
  readonly split: string | null
  /** Its pixels, `width × height`. */
  readonly pixels: string | null
  /** Its familiarity, ready to be read. */
  readonly score: string | null
  /** Coordinates on the map, from 0 to 1, y downwards; null where it is not on it. */
  readonly at: readonly [x: number, y: number] | null
  /** Index into {@link Payload.categories}. */
  readonly category: number
  /** The groups shown that it is in, by the id of their element. */
  readonly groups: readonly string[]
}

/** What the page's script reads. */
export interface Payload {
  /** All items shown; markup refers to them by index. */
  readonly items: readonly PayloadItem[]
  /** The map's categories, as the legend has them. */
  readonly categories: readonly Category[]
  /** `data:` URLs, by item; empty where there is none. */
  readonly pictures: readonly string[]
}

/** Gathers what is shown, each item once, and its index by id. */
export function payloadOf(data: PageData): { payload: Payload; indexOf: Map<string, number> } {
  const items = new Map<string, PageItem>()
  for (const item of [...data.points, ...shownItems(data)]) items.set(item.id, item)
  const groups = groupsOf(data)
  const place = unitSquare(data.points)
  const categories = categoriesOf(data)
  const named = new Map(categories.map(({ name }, i) => [name, i]))
  const payload = {
    items: [...items.values()].map((item) => ({
      id: readable(item.id, idLength),
      label: item.label === null ? null : readable(item.label, nameLength),
      split: item.split === null ? null : readable(item.split, nameLength),
      pixels: pixelsOf(item),
      score: scoreOf(item),
      at: place(item),
      category: named.get(categoryName(item)) ?? named.get(otherLabels) ?? 0,
      groups: groups.get(item.id) ?? [],
    })),
    categories: categories.map((c) => ({ ...c, name: categoryTitle(c.name) })),
    pictures: [...items.keys()].map((id) => {
      const bytes = data.pictures.get(id)
      return bytes ? pictureUrl(bytes) : ''
    }),
  }
  return { payload, indexOf: new Map([...items.keys()].map((id, i) => [id, i])) }
}

/** The id of a group's element. */
export function groupAnchor(group: { readonly kind: string; readonly group: number }): string {
  return `${group.kind}-${String(group.group)}`
}

/** Width × height, or null. */
export function pixelsOf({ width, height }: PageItem): string | null {
  return width === null || height === null ? null : `${String(width)} × ${String(height)}`
}

/** The score and where it stands among all, in words. */
export function scoreOf({ familiarity, percentile }: PageItem): string | null {
  if (familiarity === null) return null
  const score = scoreText(familiarity)
  return percentile === null ? score : `${score}, ${standing(percentile)}`
}

/** Where a percentile (0 to 100) stands: `lowest 0.4 %`, `highest 12 %`. */
export function standing(percentile: number): string {
  const low = percentile < 50
  const share = Math.max(low ? percentile : 100 - percentile, 0.01)
  const digits = share < 1 ? 2 : share < 10 ? 1 : 0
  return `${low ? 'lowest' : 'highest'} ${String(Number(share.toFixed(digits)))}\u00a0%`
}

const otherLabels = '\0other'
const noLabel = '\0none'

function categoryName({ label }: PageItem): string {
  return label ?? noLabel
}

function categoryTitle(name: string): string {
  if (name === otherLabels) return 'other labels'
  return name === noLabel ? 'no label' : readable(name, nameLength)
}

function categoriesOf({ points, labels }: PageData): Category[] {
  const counts = new Map<string, number>()
  for (const item of points)
    counts.set(categoryName(item), (counts.get(categoryName(item)) ?? 0) + 1)
  const own = labels.slice(0, colours).map(({ label }) => label)
  const categories = own.map((name, colour) => ({ name, colour, points: counts.get(name) ?? 0 }))
  const rest = [...counts].filter(([name]) => name !== noLabel && !own.includes(name))
  const others = rest.reduce((sum, [, count]) => sum + count, 0)
  if (others > 0) categories.push({ name: otherLabels, colour: colours, points: others })
  const without = counts.get(noLabel) ?? 0
  if (without > 0) categories.push({ name: noLabel, colour: colours, points: without })
  return categories
}

function groupsOf(data: PageData): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const group of [...data.exact.groups, ...data.near.groups])
    for (const { item } of group.members)
      groups.set(item.id, [...(groups.get(item.id) ?? []), groupAnchor(group)])
  return groups
}

/** Puts coordinates into the unit square around `points`; equal ones go to the middle. */
function unitSquare(
  points: readonly PageItem[],
): (item: PageItem) => readonly [x: number, y: number] | null {
  const x = unitAxis(points.map((item) => item.x ?? 0))
  const y = unitAxis(points.map((item) => -(item.y ?? 0)))
  return (item) => (item.x === null || item.y === null ? null : [x(item.x), y(-item.y)])
}

function unitAxis(values: readonly number[]): (value: number) => number {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity)
  const span = values.reduce((a, b) => Math.max(a, b), -Infinity) - low
  return (value) => (span > 0 ? Number(((value - low) / span).toFixed(5)) : 0.5)
}
