/** What changes in the clusters. */
export interface ClusterChange {
  /**
   * `formed`: the cluster is there. `joined`: the row is in it. `merged`: all rows of the cluster `from` are in it, which
   * ended. `split`: it comes out of `from`, and its rows follow. `left`: the row is in none. `expired`: the row is no longer held. `ended`.
   */
  readonly change: 'formed' | 'joined' | 'merged' | 'split' | 'left' | 'expired' | 'ended'
  /** The cluster. */
  readonly cluster: string
  /** The row, of `joined`, `left` and `expired`. */
  readonly id: string | null
  /** Of `merged` and `split`, and of a row that `joined` from another cluster: that. */
  readonly from: string | null
}

/** A change of a cluster. */
export function changeOf(
  change: ClusterChange['change'],
  cluster: string,
  { id = null, from = null }: { id?: string | null; from?: string | null } = {},
): ClusterChange {
  return { change, cluster, id, from }
}
