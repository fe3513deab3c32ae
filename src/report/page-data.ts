import type { Reject } from '../flow/control.ts'
import type { PageClusters } from './cluster-selection.ts'
import type { PageLabelErrors } from './label-error-selection.ts'
import type { PageOutliers } from './outlier-selection.ts'
import type { PageItem } from './page-item.ts'
import type { PageMetric } from './statistics-selection.ts'

/** A member of a duplicate group: a row of `groups.parquet`. */
export interface PageMember {
  /** The member itself. */
  readonly item: PageItem
  /** Whether it is the one to keep. */
  readonly keep: boolean
  /** What found it: `hash`, `embedding` or `phash`; null for the kept member where nothing did. */
  readonly by: string | null
  /** 1 − cosine to the kept member. */
  readonly embeddingDistance: number | null
  /** Bits of the perceptual hash that differ from the kept member's. */
  readonly hashDistance: number | null
}

/** The two kinds of duplicate groups. */
export type GroupKind = 'exact' | 'near'

/** A duplicate group, with as many of its members as the page shows. */
export interface PageGroup {
  /** Its number, unique among the groups of its kind. */
  readonly group: number
  /** Its kind. */
  readonly kind: GroupKind
  /** How many members it has. */
  readonly size: number
  /** The splits it spans, in order of their members. More than one is a leak. */
  readonly splits: readonly string[]
  /** The kept member first, then one of each split, then others, in their order. */
  readonly members: readonly PageMember[]
}

/** The groups of one kind. */
export interface PageGroups {
  /** Those shown: leaks first, then by size. */
  readonly groups: readonly PageGroup[]
  /** How many there are. */
  readonly total: number
  /** How many members they have together. */
  readonly members: number
  /** How many span several splits. */
  readonly leaks: number
  /** How many near groups hold nothing but exact copies; the page shows those once, as exact groups. */
  readonly onlyExact: number
}

/** The least and most familiar items of one label. */
export interface LabelFamiliarity {
  /** The label. */
  readonly label: string
  /** How many items carry it. */
  readonly count: number
  /** Least familiar first. */
  readonly least: readonly PageItem[]
  /** Most familiar first, none of them in `least`. */
  readonly most: readonly PageItem[]
}

/** What the page shows of the tables. */
export interface PageChoice {
  /** Groups of equal bytes. */
  readonly exact: PageGroups
  /** Groups of look-alikes. */
  readonly near: PageGroups
  /** Least familiar items, least first. */
  readonly least: readonly PageItem[]
  /** Most familiar items, most first. */
  readonly most: readonly PageItem[]
  /** Labels, largest first. */
  readonly labels: readonly LabelFamiliarity[]
  /** How many items carry a label that is not in `labels`. */
  readonly otherLabelled: number
  /** How the metrics of pictures are spread; none for items that are not pictures. */
  readonly metrics: readonly PageMetric[]
  /** What is out of bounds, if that was looked for. */
  readonly outliers: PageOutliers | undefined
  /** Labels that may be wrong, if that was looked for. */
  readonly labelErrors: PageLabelErrors | undefined
  /** Clusters, if there are any. */
  readonly clusters: PageClusters | undefined
  /** Points of the map: all items shown elsewhere on the page, then the sample. */
  readonly points: readonly PageItem[]
  /** How many of `points` are there because they are shown elsewhere. */
  readonly required: number
  /** How many items have coordinates. */
  readonly placed: number
  /** The first rejects. */
  readonly rejects: readonly Reject[]
  /** How many rejects there are. */
  readonly rejectCount: number
}

/** How familiar one set is to the density of another. */
export interface PageGap {
  /** The set that the density was fitted to. */
  readonly fit: string
  /** The set that was scored by it. */
  readonly other: string
  /** Mean percentile of its items among the fitted ones, 1 for items of the same kind. */
  readonly percentileRatio: number
  /** Its standard error. */
  readonly standardError: number
  /** What it says. */
  readonly band: string
  /** Ratio of the mean log densities; null where the signs differ. */
  readonly logDensityRatio: number | null
}

/** A section that can be left out. */
export type PagePart = (typeof pageParts)[number]

/** The sections that can be left out. */
export const pageParts = ['map', 'duplicates', 'familiarity'] as const

/** What the page reads of `summary.json`. */
export interface PageSummary {
  /** What was scanned. */
  readonly sources: readonly string[]
  /** Decodable items. */
  readonly items: number
  /** Items that failed. */
  readonly rejects: number
  /** Files that are no pictures. */
  readonly ignored: number
  /** How each split compares with the density of another, where there are splits. */
  readonly splitGaps?: readonly PageGap[]
  /** Sections that were not asked for. */
  readonly leftOut?: readonly PagePart[]
  /** Groups of equal bytes. */
  readonly exactGroups?: number
  /** Groups of look-alikes. */
  readonly nearGroups?: number
  /** Groups that span splits. */
  readonly leaks?: {
    /** Of equal bytes. */
    readonly exact: number
    /** Of look-alikes. */
    readonly near: number
  }
  /** When the run started, ISO 8601. */
  readonly startedAt: string
  /** How long it took, in seconds, by stage; `total` is the whole. */
  readonly timings: Readonly<Record<string, number>>
  /** Versions of what computed it, by name. */
  readonly versions: Readonly<Record<string, string>>
  /** Parameters of the run, by name. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** All that the page is made of. */
export interface PageData extends PageChoice {
  /** Counts and how they were made. */
  readonly summary: PageSummary
  /** Encoded thumbnails (WebP, JPEG or PNG), by item id. */
  readonly pictures: ReadonlyMap<string, Uint8Array>
  /** How many thumbnails were left out to hold the page's size. */
  readonly picturesDropped: number
}

/** Whether the page has a section. */
export function shows({ summary }: Pick<PageData, 'summary'>, part: PagePart): boolean {
  return !summary.leftOut?.includes(part)
}
