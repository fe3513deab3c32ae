import { readdirSync } from 'node:fs'
import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance } from '../../operators/balance.ts'
import { blur } from '../../operators/blur.ts'
import { cache } from '../../operators/cache.ts'
import { cast } from '../../operators/cast.ts'
import { clusterChanges } from '../../operators/cluster-changes.ts'
import { clusterer } from '../../operators/clusterer.ts'
import { clusters } from '../../operators/clusters.ts'
import { concatenate } from '../../operators/concatenate.ts'
import { contentHash } from '../../operators/content-hash.ts'
import { contrast } from '../../operators/contrast.ts'
import { coverage } from '../../operators/coverage.ts'
import { crop } from '../../operators/crop.ts'
import { debug } from '../../operators/debug.ts'
import { decode } from '../../operators/decode.ts'
import { diversity } from '../../operators/diversity.ts'
import { drift } from '../../operators/drift.ts'
import { driftReference } from '../../operators/drift-reference.ts'
import { driftSummary } from '../../operators/drift-summary.ts'
import { drop } from '../../operators/drop.ts'
import { duplicateGroups } from '../../operators/duplicate-groups.ts'
import { duplicates } from '../../operators/duplicates.ts'
import { familiarity } from '../../operators/familiarity.ts'
import { filter } from '../../operators/filter.ts'
import { flatten } from '../../operators/flatten.ts'
import { gamma } from '../../operators/gamma.ts'
import { gmm } from '../../operators/gmm.ts'
import { grayscale } from '../../operators/grayscale.ts'
import { groupChanges } from '../../operators/group-changes.ts'
import { imageStats } from '../../operators/image-stats.ts'
import { infer } from '../../operators/infer.ts'
import { inversePca } from '../../operators/inverse-pca.ts'
import { labelErrors } from '../../operators/label-errors.ts'
import { labelStats } from '../../operators/label-stats.ts'
import { layout } from '../../operators/layout.ts'
import { limit } from '../../operators/limit.ts'
import { manual } from '../../operators/manual.ts'
import { neighbors } from '../../operators/neighbors.ts'
import { normalize } from '../../operators/normalize.ts'
import { onlineClusters } from '../../operators/online-clusters.ts'
import { onlineDuplicates } from '../../operators/online-duplicates.ts'
import { outliers } from '../../operators/outliers.ts'
import { patches } from '../../operators/patches.ts'
import { pca } from '../../operators/pca.ts'
import { perceptualHash } from '../../operators/perceptual-hash.ts'
import { pool } from '../../operators/pool.ts'
import { rebatch } from '../../operators/rebatch.ts'
import { rename } from '../../operators/rename.ts'
import { requireFinite } from '../../operators/require-finite.ts'
import { resize } from '../../operators/resize.ts'
import { reuse } from '../../operators/reuse.ts'
import { rotate } from '../../operators/rotate.ts'
import { sample } from '../../operators/sample.ts'
import { select } from '../../operators/select.ts'
import { summarize } from '../../operators/summarize.ts'
import { tap } from '../../operators/tap.ts'
import { thumbnail } from '../../operators/thumbnail.ts'
import { transpose } from '../../operators/transpose.ts'
import { tsne } from '../../operators/tsne.ts'
import { umap } from '../../operators/umap.ts'
import { unnest } from '../../operators/unnest.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { letters } from '../helpers/flows.ts'

const model = 'model'
const size = { width: 8, height: 8 }
const columns = ['id']

/** Every operator, in each of its modes. */
const operators: Readonly<Record<string, readonly OperatorFunction<RecordBatch, RecordBatch>[]>> = {
  balance: [balance()],
  blur: [blur({ sigma: 1 })],
  cache: [cache({ folder: 'cache' })],
  cast: [cast({ columns: { n: 'Int32' } })],
  clusterChanges: [clusterChanges()],
  clusterer: [clusterer({ profile: 'dataeval-0.65' })],
  clusters: [clusters()],
  concatenate: [concatenate({ columns: ['a', 'b'], into: 'c' })],
  contentHash: [contentHash()],
  contrast: [contrast({ factor: 2 })],
  coverage: [coverage(), coverage({ radius: 'naive' })],
  crop: [crop(size)],
  debug: [debug()],
  decode: [decode()],
  diversity: [diversity()],
  drift: [drift({ model })],
  driftReference: [driftReference({ save: 'reference' })],
  driftSummary: [driftSummary({ model })],
  drop: [drop({ columns })],
  duplicateGroups: [duplicateGroups()],
  duplicates: [duplicates()],
  familiarity: [familiarity(), familiarity({ mode: 'online' }), familiarity({ model })],
  filter: [filter({ column: 'id', in: ['a'] })],
  flatten: [flatten()],
  gamma: [gamma({ gamma: 2 })],
  gmm: [gmm(), gmm({ mode: 'online' }), gmm({ model })],
  grayscale: [grayscale()],
  groupChanges: [groupChanges()],
  imageStats: [imageStats()],
  infer: [infer()],
  inversePca: [inversePca({ model })],
  labelErrors: [labelErrors()],
  labelStats: [labelStats()],
  layout: [layout({ to: 'CHW' })],
  limit: [limit(1)],
  manual: [manual({ points: 'points.parquet' })],
  neighbors: [neighbors(), neighbors({ mode: 'online' }), neighbors({ model })],
  normalize: [
    ...[normalize(), normalize({ mode: 'online' }), normalize({ model })],
    normalize({ mean: 0, std: 1 }),
  ],
  onlineClusters: [onlineClusters({ distance: 0.1 })],
  onlineDuplicates: [onlineDuplicates({ distance: 0.1 })],
  outliers: [outliers(), outliers({ mode: 'online' }), outliers({ model })],
  patches: [patches(size)],
  pca: [pca(), pca({ mode: 'online' }), pca({ model })],
  perceptualHash: [perceptualHash()],
  pool: [pool({ axes: [0] })],
  rebatch: [rebatch({ rows: 1 })],
  rename: [rename({ columns: { id: 'key' } })],
  requireFinite: [requireFinite()],
  resize: [resize(size)],
  reuse: [reuse({ from: 'x', key: 'id', where: {}, columns, otherwise: (rows) => rows })],
  rotate: [rotate({ degrees: 90 })],
  sample: [sample({ rows: 1 })],
  select: [select({ columns })],
  summarize: [summarize()],
  tap: [tap({ each: () => undefined })],
  thumbnail: [thumbnail()],
  transpose: [transpose({ axes: [1, 0] })],
  tsne: [tsne(), tsne({ model })],
  umap: [umap(), umap({ model })],
  unnest: [unnest({ columns })],
}

describe('what an operator states of its memory', () => {
  const files = readdirSync(new URL('../../operators', import.meta.url))

  it('is looked at for each operator there is', () => {
    const names = files.map((file) =>
      file.replace(/\.ts$/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
    )
    expect(Object.keys(operators).sort()).toEqual(names.sort())
  })

  it.each(Object.entries(operators))('%s: a bound, or in words what it holds', (_name, modes) => {
    for (const mode of modes) {
      const { memoryBytes, holds } = flowOf(letters('a', 1).pipe(mode)).info
      expect([memoryBytes, holds]).not.toEqual([undefined, undefined])
    }
  })
})
