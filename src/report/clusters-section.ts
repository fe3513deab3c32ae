import type { PageCluster, PageClusterOutlier } from './cluster-selection.ts'
import { type Html, html } from './html.ts'
import { type Figures, itemFigure } from './item-figure.ts'
import type { PageData } from './page-data.ts'
import { count, plural } from './words.ts'

/** The clusters with their surest members, and what lies apart. */
export function clustersSection(
  { clusters: found, pictures }: PageData,
  indexOf: ReadonlyMap<string, number>,
): Html | false {
  if (!found) return false
  const { total, none, clusters, outliers } = found
  const figures = { pictures, indexOf }
  const hidden = total - clusters.length
  return html`<section id="clusters" aria-labelledby="clusters-title">
    <h2 id="clusters-title">Clusters</h2>
    <p>
      ${plural(total, 'group')} of items that lie densely together, by HDBSCAN;
      ${plural(none, 'item')} in none. Of each the surest members are
      shown.${hidden > 0 && ` ${count(hidden)} more are in items.parquet.`}
    </p>
    <div class="groups">${clusters.map((cluster) => clusterCard(cluster, figures))}</div>
    ${
      outliers.length > 0 &&
      html`<h3>Farthest apart</h3>
        <p>Items that lie in sparser surroundings than the cluster nearest to them, by GLOSH.</p>
        <ul class="strip">
          ${outliers.map((outlier) => outlierItem(outlier, figures))}
        </ul>`
    }
  </section>`
}

function clusterCard({ cluster, size, members }: PageCluster, figures: Figures): Html {
  return html`<article class="group wide" id="cluster-${cluster}">
    <h4>Cluster ${cluster} <small>${plural(size, 'item')}</small></h4>
    <ul class="strip">
      ${members.map((item) => html`<li>${itemFigure(item, figures, false)}</li>`)}
    </ul>
  </article>`
}

function outlierItem({ item, score }: PageClusterOutlier, figures: Figures): Html {
  const note = html`<span class="notes">${score.toFixed(2)}</span>`
  return html`<li>${itemFigure(item, figures, note)}</li>`
}
