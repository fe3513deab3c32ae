import type { RecordBatch } from 'apache-arrow'
import { Best } from './best.ts'
import type { PageItem } from './page-item.ts'
import { numberAt } from './cells.ts'

const clustersShown = 40
const clustersTracked = 1000
const membersShown = 6
const outliersShown = 24

/** A cluster, with its most central items. */
export interface PageCluster {
  /** Its number. */
  readonly cluster: number
  /** How many items it has. */
  readonly size: number
  /** The surest members, surest first. */
  readonly members: readonly PageItem[]
}

/** An item that lies apart. */
export interface PageClusterOutlier {
  /** The item. */
  readonly item: PageItem
  /** Its outlier score, 0 to 1. */
  readonly score: number
}

/** The clusters and what is in none. */
export interface PageClusters {
  /** How many there are, of the first 1,000 that items were in. */
  readonly total: number
  /** Items in none. */
  readonly none: number
  /** Those shown, largest first. */
  readonly clusters: readonly PageCluster[]
  /** What lies farthest apart, farthest first. */
  readonly outliers: readonly PageClusterOutlier[]
}

interface Members {
  size: number
  readonly best: Best<PageItem>
}

/** Chooses the largest clusters with 6 members each, and the 24 items that lie farthest apart. */
export class ClusterSelection {
  readonly #clusters = new Map<number, Members>()
  readonly #outliers = new Best<PageClusterOutlier>(outliersShown)
  #known = false
  #none = 0

  /** Takes rows of the items table; `read` reads an item. */
  add(batch: RecordBatch, read: (row: number) => PageItem): void {
    const clusters = batch.getChild('cluster')
    if (!clusters) return
    const probabilities = batch.getChild('cluster_probability')
    const scores = batch.getChild('cluster_outlier')
    this.#known = true
    for (let row = 0; row < batch.numRows; row++) {
      const cluster = numberAt(clusters, row)
      if (cluster === null) continue
      if (cluster < 0) this.#none++
      else this.#add(cluster, -(numberAt(probabilities, row) ?? 0), read.bind(null, row))
      const score = numberAt(scores, row) ?? 0
      if (score > 0 && this.#outliers.accepts(-score))
        this.#outliers.add(-score, { item: read(row), score })
    }
  }

  /** What was chosen; undefined if nothing was clustered. */
  finish(): PageClusters | undefined {
    if (!this.#known) return undefined
    const largest = [...this.#clusters].sort(([a, x], [b, y]) => y.size - x.size || a - b)
    return {
      total: this.#clusters.size,
      none: this.#none,
      clusters: largest
        .slice(0, clustersShown)
        .map(([cluster, { size, best }]) => ({ cluster, size, members: best.sorted() })),
      outliers: this.#outliers.sorted(),
    }
  }

  #add(cluster: number, rank: number, read: () => PageItem): void {
    let members = this.#clusters.get(cluster)
    if (!members) {
      if (this.#clusters.size === clustersTracked) return
      members = { size: 0, best: new Best(membersShown) }
      this.#clusters.set(cluster, members)
    }
    members.size++
    if (members.best.accepts(rank)) members.best.add(rank, read())
  }
}
