import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { FixedSizeList, Float32, makeData, makeVector, type RecordBatch } from 'apache-arrow'
import { map, type Observable } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromArrow } from '../connectors/from-arrow.ts'
import { fromBatches } from '../connectors/from-batches.ts'
import { fromCoco } from '../connectors/from-coco.ts'
import { fromCsv } from '../connectors/from-csv.ts'
import { fromFiles } from '../connectors/from-files.ts'
import { fromJsonl } from '../connectors/from-jsonl.ts'
import { fromParquet } from '../connectors/from-parquet.ts'
import { fromTar } from '../connectors/from-tar.ts'
import { fromVoc } from '../connectors/from-voc.ts'
import { fromYolo } from '../connectors/from-yolo.ts'
import { toArrow } from '../connectors/to-arrow.ts'
import { toCsv } from '../connectors/to-csv.ts'
import { toJsonl } from '../connectors/to-jsonl.ts'
import { toParquet } from '../connectors/to-parquet.ts'
import { toWebhook } from '../connectors/to-webhook.ts'
import { balance } from '../operators/balance.ts'
import { blur } from '../operators/blur.ts'
import { contrast } from '../operators/contrast.ts'
import { coverage } from '../operators/coverage.ts'
import { crop } from '../operators/crop.ts'
import { cache } from '../operators/cache.ts'
import { cast } from '../operators/cast.ts'
import { clusterChanges } from '../operators/cluster-changes.ts'
import { clusterer } from '../operators/clusterer.ts'
import { clusters } from '../operators/clusters.ts'
import { concatenate } from '../operators/concatenate.ts'
import { contentHash } from '../operators/content-hash.ts'
import { debug } from '../operators/debug.ts'
import { decode } from '../operators/decode.ts'
import { drop } from '../operators/drop.ts'
import { diversity } from '../operators/diversity.ts'
import { drift } from '../operators/drift.ts'
import { driftReference } from '../operators/drift-reference.ts'
import { driftSummary } from '../operators/drift-summary.ts'
import { duplicateGroups } from '../operators/duplicate-groups.ts'
import { duplicates } from '../operators/duplicates.ts'
import { familiarity } from '../operators/familiarity.ts'
import { filter } from '../operators/filter.ts'
import { flatten } from '../operators/flatten.ts'
import { gamma } from '../operators/gamma.ts'
import { gmm } from '../operators/gmm.ts'
import { grayscale } from '../operators/grayscale.ts'
import { groupChanges } from '../operators/group-changes.ts'
import { imageStats } from '../operators/image-stats.ts'
import { infer } from '../operators/infer.ts'
import { inversePca } from '../operators/inverse-pca.ts'
import { labelErrors } from '../operators/label-errors.ts'
import { labelStats } from '../operators/label-stats.ts'
import { layout } from '../operators/layout.ts'
import { limit } from '../operators/limit.ts'
import { manual } from '../operators/manual.ts'
import { neighbors } from '../operators/neighbors.ts'
import { normalize } from '../operators/normalize.ts'
import { patches } from '../operators/patches.ts'
import { onlineClusters } from '../operators/online-clusters.ts'
import { onlineDuplicates } from '../operators/online-duplicates.ts'
import { outliers } from '../operators/outliers.ts'
import { pca } from '../operators/pca.ts'
import { perceptualHash } from '../operators/perceptual-hash.ts'
import { pool } from '../operators/pool.ts'
import { rebatch } from '../operators/rebatch.ts'
import { requireFinite } from '../operators/require-finite.ts'
import { rotate } from '../operators/rotate.ts'
import {
  batchOf,
  column,
  type Column,
  float64Column,
  int32Column,
  textColumn,
  withColumns,
} from '../src/batch/batch.ts'
import { rename } from '../operators/rename.ts'
import { resize } from '../operators/resize.ts'
import { reuse } from '../operators/reuse.ts'
import { sample } from '../operators/sample.ts'
import { select } from '../operators/select.ts'
import { summarize } from '../operators/summarize.ts'
import { tap } from '../operators/tap.ts'
import { thumbnail } from '../operators/thumbnail.ts'
import { transpose } from '../operators/transpose.ts'
import { tsne } from '../operators/tsne.ts'
import { umap } from '../operators/umap.ts'
import { unnest } from '../operators/unnest.ts'
import { fixedShapeTensor } from '../src/batch/tensor.ts'
import { concatFlows } from '../src/flow/concat-flows.ts'
import { fanOut } from '../src/flow/fan-out.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { mergeFlows } from '../src/flow/merge-flows.ts'
import { source } from '../src/flow/source.ts'
import { stateless } from '../src/flow/stateless.ts'
import { run } from '../src/run/run.ts'
import {
  cuts,
  inParts,
  type Outcome,
  type Paced,
  straight,
  type Subject,
} from './helpers/conformance.ts'
import { refuse } from './helpers/flows.ts'
import { noise, plain } from './helpers/pictures.ts'
import { writeListed } from './helpers/listed-pictures.ts'
import { bucket, type S3, startS3 } from './helpers/s3-proxy.ts'
import { tinyModel } from './helpers/tiny-model.ts'
import { startReceiver, type WebhookReceiver } from './helpers/webhook-receiver.ts'
import { filesUnder } from './helpers/workflows.ts'

const timeout = 60_000
const here = import.meta.dirname

let folder: string
let s3: S3
let receiver: WebhookReceiver
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conformance-inputs-'))
  await writePictures(join(folder, 'pictures'))
  await writeListed(join(folder, 'listed'))
  s3 = await startS3()
  receiver = await startReceiver()
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value)
  for (const name of filesUnder(join(folder, 'pictures')))
    await s3.put(`pictures/${name}`, await readFile(join(folder, 'pictures', name)))
  await writeFile(join(folder, 'tiny.onnx'), tinyModel({ shape: ['N', 4, 4, 3] }))
  const stored = rows(30).pipe(
    flatten(),
    toParquet(join(folder, 'stored.parquet'), { rowGroupRows: 7 }),
  )
  await run(stored)
  await s3.put('stored.parquet', await readFile(join(folder, 'stored.parquet')))
  for (const format of ['file', 'stream'] as const)
    await run(rows(30).pipe(toArrow(join(folder, `stored-${format}.arrow`), { format })))
  await run(
    rows(40).pipe(
      pca({ column: 'embedding', components: 2, save: join(folder, 'pca') }),
      gmm({ components: 2, save: join(folder, 'gmm') }),
      familiarity({ by: 'label', minRows: 5, save: join(folder, 'familiarity') }),
      neighbors({ save: join(folder, 'neighbors') }),
      normalize({ save: join(folder, 'standardizer') }),
      umap({ epochs: 20, save: join(folder, 'umap') }),
      tsne({ iterations: 20, save: join(folder, 'tsne') }),
      outliers({ ...unusual, save: join(folder, 'outliers') }),
      driftReference({ save: join(folder, 'reference'), columns: ['n'], k: 3 }),
    ),
  )
  await run(cachedRows(), { maxRejectRatio: 1 })
}, timeout)
afterAll(async () => {
  vi.unstubAllEnvs()
  await receiver.close()
  await s3.close()
  await rm(folder, { recursive: true })
})

/** Pictures, of which one is damaged and two are the same, and a file that is none. */
async function writePictures(to: string): Promise<void> {
  await mkdir(join(to, 'train', 'a'), { recursive: true })
  for (let i = 0; i < 7; i++) {
    const picture = i === 6 ? plain(9, 8) : noise(12 + i, 10, i === 5 ? 4 : i)
    await writeFile(join(to, 'train', 'a', `${String(i)}.png`), await picture.png().toBuffer())
  }
  await writeFile(join(to, 'train', 'a', '2-damaged.png'), 'no picture')
  await writeFile(join(to, 'train', 'a', 'notes.txt'), 'no picture either')
}

const values = 6

/** Embeddings of `count` rows from row `at` on; every 11th is null, each 9th is like the one before. */
function embeddings(at: number, count: number): Column {
  const data = new Float32Array(count * values)
  for (let row = 0; row < count; row++)
    for (let i = 0; i < values; i++) {
      const like = (at + row) % 9 === 8 ? at + row - 1 : at + row
      data[row * values + i] = Math.sin((like + 1) * (i + 1) * 1.7) + (like % 3) * i
    }
  const field = fixedShapeTensor('embedding', [2, 3])
  const nulls = Array.from({ length: count }, (_, row) => (at + row) % 11 === 10)
  const bits = new Uint8Array(Math.ceil(count / 8))
  for (const [row, isNull] of nulls.entries())
    if (!isNull) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7))
  const child = makeData({ type: new Float32(), length: data.length, nullCount: 0, data })
  const vector = makeVector(
    makeData({
      type: field.type as FixedSizeList<Float32>,
      length: count,
      nullCount: nulls.filter(Boolean).length,
      nullBitmap: bits,
      child,
    }),
  )
  return { field, vector }
}

/** Sizes of the batches, over and over. */
const sizes = [3, 1, 4, 2]

/** `id`, `label` and `n` (with nulls), `embedding` (with nulls), in small batches. */
function rows(
  count: number,
  {
    name = 'r',
    bounded = true,
    scale = 1,
  }: { name?: string; bounded?: boolean; scale?: number } = {},
): Flow<RecordBatch> {
  function batch(at: number, size: number): RecordBatch {
    const each = Array.from({ length: size }, (_, i) => at + i)
    return batchOf([
      textColumn(
        'id',
        each.map((row) => `${name}${String(row)}`),
      ),
      textColumn(
        'label',
        each.map((row) => (row % 5 === 0 ? null : `l${String(row % 3)}`)),
      ),
      int32Column(
        'n',
        each.map((row) => (row % 4 === 1 ? null : row)),
      ),
      embeddings(at, size),
    ])
  }
  return source<RecordBatch, { row: number; turn: number }>({
    name: 'rows',
    bounded,
    schema: () => batch(0, 0).schema,
    settings: { name, count },
    async *read(_context, from = { row: 0, turn: 0 }) {
      for (let { row, turn } = from; row < count; turn++) {
        const size = Math.min(scale * (sizes[turn % sizes.length] ?? 1), count - row)
        await Promise.resolve()
        yield [batch(row, size), { row: row + size, turn: turn + 1 }]
        row += size
      }
    },
  })
}

/** Rows of six blocks, from the cache if it is there. */
const cachedRows = () =>
  rows(24_000, { scale: 1000 }).pipe(
    refuse('77'),
    select({ columns: ['id', 'n'] }),
    cache({ folder: join(folder, 'cached') }),
  )

const pictures = (): Flow<RecordBatch> => fromFiles(join(folder, 'pictures'), { batchRows: 1 })
const small = { width: 4, height: 4 }

/** Pictures, decoded; the damaged one is a reject. */
const decoded = (paced: Paced) => flowOf(paced(pictures()).pipe(decode({ onError: 'reject' })))

type Operator = (flow: Observable<RecordBatch>) => Observable<RecordBatch>

/** A subject of rows that go through `operator`, with rejects among them. */
function ofRows(operator: (out: string) => Operator, count = 60): Subject {
  return {
    job: (out, paced) =>
      paced(rows(count)).pipe(refuse('7'), operator(out), paced, toJsonl(join(out, 'rows.jsonl'))),
    every: 5,
  }
}

/** A subject of pictures that go through `operator`. */
function ofPictures(operator: Operator, columns?: readonly string[]): Subject {
  return {
    job: (out, paced) =>
      decoded(paced).pipe(
        operator,
        toJsonl(join(out, 'rows.jsonl'), { ...(columns && { columns }) }),
      ),
    every: 2,
    // Each part starts threads.
    cuts: 2,
  }
}

/** A subject that writes into a bucket, under a prefix of its own for each `out`. */
function inBucket({ job, ...subject }: Subject): Subject {
  function keyOf(out: string): string {
    return basename(dirname(out))
  }
  return {
    // Each part is many requests.
    cuts: 2,
    ...subject,
    job: (out, paced) => job(`s3://${bucket}/${keyOf(out)}`, paced),
    async fetch(out) {
      const prefix = `${keyOf(out)}/`
      for (const key of await s3.keys(prefix)) {
        const path = join(out, key.slice(prefix.length))
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, (await s3.get(key)) ?? '')
      }
      expect(s3.openUploads().filter((key) => key.startsWith(prefix))).toEqual([])
    },
  }
}

/** Adds `score`, which some rows do not have as a number. */
function scored(batch: RecordBatch): RecordBatch {
  const ids = [...column(batch, 'id')].map(String)
  const score = ids.map((id) => (id.endsWith('3') ? NaN : id.length))
  return withColumns(batch, [float64Column('score', Float64Array.from(score))])
}

const byLabel = { column: 'embedding', by: 'label', minRows: 7 }
const unusual = { columns: ['n'], by: 'label', minRows: 7, threshold: 0.8 }
/** Points of some of the rows. */
const points = Object.fromEntries(
  Array.from({ length: 60 }, (_, row) => [`r${String(row)}`, [row, row % 7]]).filter(
    (_, row) => row % 13 !== 5,
  ),
) as Readonly<Record<string, readonly number[]>>

const learning = { warmupRows: 16, windowRows: 8 }

/** By operator: what has to give the same, cut or not, in each of its modes. */
const operators: Readonly<Record<string, Readonly<Record<string, Subject>>>> = {
  balance: { plain: ofRows(() => balance({ rows: 20, classwise: true })) },
  blur: {
    'in a chain with contrast, crop, gamma, grayscale and rotate': ofPictures(
      (flow) =>
        flow.pipe(
          blur({ sigma: 1 }),
          contrast({ factor: 1.5 }),
          gamma({ gamma: 2 }),
          rotate({ degrees: 30, expand: true }),
          grayscale(),
          crop({ width: 17, height: 15, onError: 'reject' }),
        ),
      ['id', 'pixels'],
    ),
  },
  // Five more: see blur.
  contrast: {},
  // Each part starts the kernel's thread.
  coverage: { plain: { ...ofRows(() => coverage({ k: 3, share: 0.1 })), cuts: 2 } },
  crop: {},
  cache: {
    // Beside the outputs, where the runs that follow find it.
    'the first time': ofRows((out) => cache({ folder: join(out, '..', 'cached') })),
    'from then on': {
      job: (out, paced) => paced(flowOf(cachedRows())).pipe(toJsonl(join(out, 'rows.jsonl'))),
      every: 2,
    },
  },
  cast: {
    plain: ofRows(() => cast({ columns: { n: 'Float64', embedding: 'Float64' } })),
    // Labels are no numbers: only the rows without one stay.
    rejects: ofRows(() => cast({ columns: { label: 'Int32' }, onError: 'reject' })),
  },
  'cluster-changes': {
    plain: ofRows(
      () => (flow) =>
        flow.pipe(onlineClusters({ distance: 0.2, windowRows: 16 }), clusterChanges()),
    ),
  },
  clusterer: { plain: ofRows(() => clusterer({ profile: 'dataeval-0.65' })) },
  clusters: {
    plain: ofRows(() => clusters({ minClusterSize: 3 })),
    'leaves, euclidean': ofRows(() =>
      clusters({ metric: 'euclidean', minClusterSize: 4, minSamples: 2, selection: 'leaf' }),
    ),
  },
  concatenate: {
    plain: ofRows(
      () => (flow) =>
        flow.pipe(
          cast({ columns: { n: 'Float32' } }),
          concatenate({ columns: ['embedding', 'n'], into: 'features' }),
        ),
    ),
  },
  'content-hash': { plain: ofPictures(contentHash()) },
  debug: { plain: ofRows(() => debug({ write: () => undefined })) },
  decode: { plain: ofPictures((flow) => flow) },
  diversity: { plain: ofRows(() => diversity({ rows: 20, classwise: true })) },
  drift: {
    frozen: {
      ...ofRows(() => drift({ model: join(folder, 'reference'), windowRows: 8, permutations: 19 })),
      cuts: 3,
    },
  },
  'drift-reference': {
    plain: ofRows((out) => driftReference({ save: join(out, 'model'), rows: 20, k: 3 })),
  },
  'drift-summary': {
    'by windows': {
      ...ofRows(() =>
        driftSummary({ model: join(folder, 'reference'), windowRows: 8, permutations: 19 }),
      ),
      cuts: 3,
    },
    'of a sample': {
      ...ofRows(() =>
        driftSummary({ model: join(folder, 'reference'), rows: 20, permutations: 19 }),
      ),
      cuts: 3,
    },
  },
  drop: { plain: ofRows(() => drop({ columns: ['n'] })) },
  'duplicate-groups': {
    plain: ofRows(
      () => (flow) =>
        flow.pipe(duplicates({ phash: false, contentHash: false }), duplicateGroups()),
    ),
    'with spread': ofRows(
      () => (flow) =>
        flow.pipe(
          duplicates({ rule: { distance: 0.2 }, contentHash: false, spread: true }),
          duplicateGroups(),
        ),
    ),
  },
  duplicates: {
    plain: ofRows(() => duplicates({ phash: false, contentHash: false })),
    'by slope, single': ofRows(() =>
      duplicates({ rule: { slope: 3 }, metric: 'scaled', linkage: 'single', contentHash: false }),
    ),
    'by bits': ofPictures((flow) =>
      flow.pipe(
        perceptualHash({ method: ['phash', 'dhash'], symmetries: 'all' }),
        contentHash({ column: 'pixels', method: 'xxh3', into: 'content_hash' }),
        duplicates({ rule: { bits: 20 }, linkage: 'single' }),
      ),
    ),
    'by a function, complete, across': ofRows(() =>
      duplicates({
        rule: (distances) => distances[distances.length >> 2] ?? 0,
        linkage: 'complete',
        across: 'label',
        contentHash: false,
      }),
    ),
  },
  familiarity: {
    fit: ofRows((out) => familiarity({ ...byLabel, gaps: true, save: join(out, 'model') })),
    online: ofRows((out) =>
      familiarity({ ...byLabel, mode: 'online', ...learning, save: join(out, 'model') }),
    ),
    frozen: ofRows(
      () => (flow) =>
        flow.pipe(
          pca({ model: join(folder, 'pca') }),
          familiarity({ by: 'label', model: join(folder, 'familiarity') }),
        ),
    ),
  },
  gamma: {},
  filter: {
    'by value': ofRows(() => filter({ column: 'label', notIn: ['l1'] })),
    'by a predicate': ofRows(() => filter({ columns: ['n'], where: ({ n }) => Number(n) % 3 > 0 })),
  },
  flatten: {
    plain: ofRows(() => flatten()),
    'by columns': ofRows(() => flatten({ order: 'F' })),
  },
  gmm: {
    fit: ofRows((out) => gmm({ column: 'embedding', components: 2, save: join(out, 'model') })),
    online: ofRows((out) =>
      gmm({
        column: 'embedding',
        components: 2,
        mode: 'online',
        ...learning,
        save: join(out, 'model'),
      }),
    ),
    frozen: ofRows(
      () => (flow) =>
        flow.pipe(pca({ model: join(folder, 'pca') }), gmm({ model: join(folder, 'gmm') })),
    ),
  },
  grayscale: {},
  'group-changes': {
    plain: ofRows(() => (flow) => flow.pipe(onlineDuplicates({ distance: 0.2 }), groupChanges())),
  },
  // See unnest.
  'image-stats': {},
  infer: {
    plain: ofPictures((flow) =>
      flow.pipe(resize(small), infer({ model: join(folder, 'tiny.onnx') })),
    ),
  },
  'inverse-pca': {
    frozen: ofRows(
      () => (flow) =>
        flow.pipe(pca({ model: join(folder, 'pca') }), inversePca({ model: join(folder, 'pca') })),
    ),
  },
  // Each part starts the kernel's thread.
  'label-errors': { plain: { ...ofRows(() => labelErrors({ k: 4 })), cuts: 2 } },
  'label-stats': { plain: ofRows(() => labelStats()) },
  layout: {
    plain: ofPictures(
      (flow) => flow.pipe(resize({ width: 4, height: 3 }), layout({ to: 'CHW' })),
      ['id', 'pixels'],
    ),
  },
  limit: { plain: ofRows(() => limit(37)) },
  manual: {
    plain: ofRows(() => manual({ points, missing: 'reject' })),
    'from a file': {
      ...ofRows(() =>
        manual({ points: join(folder, 'stored.parquet'), columns: ['n'], missing: 'null' }),
      ),
      // Each part starts a thread.
      cuts: 2,
    },
  },
  neighbors: {
    fit: ofRows((out) => neighbors({ k: 2, save: join(out, 'model') })),
    'fit by an index': ofRows(() => neighbors({ index: 'hnsw' })),
    online: ofRows((out) => neighbors({ mode: 'online', windowRows: 8, save: join(out, 'model') })),
    'online, exact': ofRows((out) =>
      neighbors({ mode: 'online', index: 'exact', windowRows: 8, save: join(out, 'model') }),
    ),
    frozen: ofRows(() => neighbors({ model: join(folder, 'neighbors') })),
  },
  normalize: {
    'by numbers': ofRows(() => normalize({ mean: 1, std: [2, 3, 4] }), 24),
    fit: ofRows((out) => normalize({ save: join(out, 'model') }), 24),
    online: ofRows(
      (out) => normalize({ mode: 'online', ...learning, save: join(out, 'model') }),
      36,
    ),
    frozen: ofRows(() => normalize({ model: join(folder, 'standardizer') }), 24),
    'fit, of pixels': ofPictures(
      (flow) => flow.pipe(resize(small), normalize({ column: 'pixels', per: 'element' })),
      ['id', 'pixels'],
    ),
  },
  patches: {
    plain: ofPictures(
      (flow) => flow.pipe(patches({ width: 10, height: 5, stride: 3, onError: 'reject' })),
      ['id', 'patch_of', 'pixels'],
    ),
  },
  'online-clusters': {
    plain: ofRows(() =>
      onlineClusters({ distance: 1, metric: 'euclidean', windowRows: 16, minClusterSize: 3 }),
    ),
  },
  'online-duplicates': {
    plain: ofRows(() => onlineDuplicates({ distance: 1, metric: 'euclidean' })),
  },
  outliers: {
    fit: ofRows((out) => outliers({ ...unusual, save: join(out, 'model') })),
    online: ofRows((out) =>
      outliers({ ...unusual, mode: 'online', ...learning, save: join(out, 'model') }),
    ),
    frozen: ofRows(() => outliers({ model: join(folder, 'outliers') })),
  },
  pca: {
    fit: ofRows((out) => pca({ components: 2, save: join(out, 'model') })),
    online: ofRows((out) =>
      pca({ components: 2, mode: 'online', ...learning, save: join(out, 'model') }),
    ),
    frozen: ofRows(() => pca({ model: join(folder, 'pca') })),
    'after another': ofRows(
      (out) => (flow) =>
        flow.pipe(pca({ components: 2 }), gmm({ components: 2, save: join(out, 'model') })),
    ),
  },
  'perceptual-hash': { plain: ofPictures(perceptualHash()) },
  pool: { plain: ofRows(() => pool({ axes: [0] })) },
  rebatch: { plain: ofRows(() => rebatch({ rows: 7 })) },
  'require-finite': {
    plain: ofRows(
      () => (flow) => flow.pipe(stateless(map(scored)), requireFinite({ onError: 'reject' })),
    ),
  },
  rename: { plain: ofRows(() => rename({ columns: { label: 'n', n: 'label' } })) },
  resize: { plain: ofPictures((flow) => flow.pipe(resize(small)), ['id', 'pixels']) },
  reuse: {
    plain: ofRows(() =>
      reuse({
        from: join(folder, 'stored.parquet'),
        key: 'id',
        where: { label: 'l1' },
        columns: ['embedding'],
        otherwise: (flow) => flow.pipe(refuse('4'), flatten()),
      }),
    ),
  },
  rotate: {},
  sample: {
    'of all': ofRows(() => sample({ rows: 9 })),
    'per label': ofRows(() => sample({ rows: 3, per: 'label' })),
  },
  select: { plain: ofRows(() => select({ columns: ['embedding', 'id'] })) },
  summarize: { plain: ofRows(() => summarize()) },
  tap: { plain: ofRows(() => tap({ each: () => undefined })) },
  thumbnail: { plain: ofPictures(thumbnail({ side: 8 })) },
  transpose: { plain: ofRows(() => transpose({ axes: [1, 0] })) },
  tsne: {
    fit: ofRows((out) => tsne({ iterations: 20, sampleRows: 20, save: join(out, 'model') })),
    online: ofRows((out) =>
      tsne({ iterations: 20, mode: 'online', ...learning, save: join(out, 'model') }),
    ),
    frozen: ofRows(() => tsne({ model: join(folder, 'tsne') })),
  },
  umap: {
    fit: ofRows((out) => umap({ epochs: 20, sampleRows: 20, save: join(out, 'model') })),
    online: ofRows((out) =>
      umap({ epochs: 20, mode: 'online', ...learning, save: join(out, 'model') }),
    ),
    frozen: ofRows(() => umap({ model: join(folder, 'umap') })),
  },
  unnest: {
    plain: ofPictures((flow) =>
      flow.pipe(
        imageStats({ statistics: ['mean', 'percentiles'], perChannel: true }),
        unnest({ columns: ['channel_mean', 'channel_percentiles'] }),
      ),
    ),
  },
}

/** A subject of rows that a source reads from what `writeListed` wrote. */
function ofListed(source: (listed: string) => Flow<RecordBatch>): Subject {
  return {
    job: (out, paced) =>
      paced(source(join(folder, 'listed'))).pipe(toJsonl(join(out, 'rows.jsonl'))),
    every: 2,
  }
}

/** How lists are read so that cuts fall into them. */
const listing = { onError: 'reject', batchRows: 1 } as const

/** By connector, likewise. */
const connectors: Readonly<Record<string, Readonly<Record<string, Subject>>>> = {
  'from-arrow': Object.fromEntries(
    (['file', 'stream'] as const).map((format): [string, Subject] => [
      format,
      {
        job: (out, paced) =>
          paced(fromArrow(join(folder, `stored-${format}.arrow`), { batchRows: 2 })).pipe(
            toJsonl(join(out, 'rows.jsonl')),
          ),
        cuts: 3,
      },
    ]),
  ),
  'from-batches': {
    'of a function': {
      job: (out, paced) =>
        paced(fromBatches(() => rows(30) as AsyncIterable<RecordBatch>)).pipe(
          toJsonl(join(out, 'rows.jsonl')),
        ),
    },
  },
  'from-coco': { plain: ofListed((listed) => fromCoco(join(listed, 'coco.json'), listing)) },
  'from-csv': { plain: ofListed((listed) => fromCsv(join(listed, 'list.csv'), listing)) },
  'from-jsonl': { plain: ofListed((listed) => fromJsonl(join(listed, 'list.jsonl'), listing)) },
  'from-tar': { plain: ofListed((listed) => fromTar(join(listed, 'shard.tar'), listing)) },
  'from-voc': { plain: ofListed((listed) => fromVoc(join(listed, 'voc'), listing)) },
  'from-yolo': { plain: ofListed((listed) => fromYolo(join(listed, 'yolo/data.yaml'), listing)) },
  'to-arrow': {
    'a file': {
      job: (out, paced) => paced(rows(40)).pipe(refuse('7'), toArrow(join(out, 'rows.arrow'))),
    },
    parts: {
      job: (out, paced) => paced(rows(40, { bounded: false })).pipe(toArrow(join(out, 'rows'))),
    },
  },
  // Lines for a person, at least once.
  'to-console': {},
  'to-webhook': {
    'each key once': {
      job: (out, paced) =>
        paced(rows(40)).pipe(
          refuse('7'),
          toWebhook(receiver.url + out, { batchRows: 3, columns: ['id', 'n'] }),
        ),
      fetch: (out) => writeFile(join(out, 'rows.json'), JSON.stringify(receiver.rows(out))),
    },
  },
  'from-files': {
    plain: {
      job: (out, paced) => paced(pictures()).pipe(toJsonl(join(out, 'rows.jsonl'))),
      every: 2,
    },
    'of a bucket': {
      job: (out, paced) =>
        paced(fromFiles(`s3://${bucket}/pictures/**/*.png`, { batchRows: 1 })).pipe(
          decode({ onError: 'reject' }),
          toJsonl(join(out, 'rows.jsonl')),
        ),
      every: 2,
      cuts: 2,
    },
  },
  'from-parquet': {
    'of a bucket': {
      job: (out, paced) =>
        paced(fromParquet(`s3://${bucket}/stored.parquet`, { batchRows: 2 })).pipe(
          toJsonl(join(out, 'rows.jsonl')),
        ),
      cuts: 3,
    },
    plain: {
      job: (out, paced) =>
        paced(fromParquet(join(folder, 'stored.parquet'), { batchRows: 2 })).pipe(
          toJsonl(join(out, 'rows.jsonl')),
        ),
    },
  },
  'to-csv': {
    bounded: {
      job: (out, paced) =>
        paced(rows(40)).pipe(refuse('7'), toCsv(join(out, 'rows.csv'), { columns: ['id', 'n'] })),
    },
    unbounded: {
      job: (out, paced) =>
        paced(rows(40, { bounded: false })).pipe(refuse('7'), toCsv(join(out, 'rows'))),
    },
  },
  'to-jsonl': {
    'parts in a bucket': inBucket({
      job: (out, paced) =>
        paced(rows(40, { bounded: false })).pipe(refuse('7'), toJsonl(`${out}/rows`)),
    }),
    'a file': ofRows(() => (flow) => flow),
    parts: {
      job: (out, paced) =>
        paced(rows(40, { bounded: false })).pipe(refuse('7'), toJsonl(join(out, 'rows'))),
    },
  },
  'to-parquet': {
    'a file in a bucket': inBucket({
      job: (out, paced) =>
        paced(rows(60)).pipe(refuse('7'), toParquet(`${out}/rows.parquet`, { rowGroupRows: 13 })),
    }),
    'parts in a bucket': inBucket({
      job: (out, paced) =>
        paced(rows(40, { bounded: false })).pipe(toParquet(`${out}/rows`, { rowGroupRows: 5 })),
    }),
    'a file': {
      job: (out, paced) =>
        paced(rows(60)).pipe(
          refuse('7'),
          toParquet(join(out, 'rows.parquet'), { rowGroupRows: 13 }),
        ),
    },
    parts: {
      job: (out, paced) =>
        paced(rows(40, { bounded: false })).pipe(toParquet(join(out, 'rows'), { rowGroupRows: 5 })),
    },
  },
}

/** What joins flows, and jobs of several. */
const graphs: Readonly<Record<string, Subject>> = {
  'a source that is read twice': {
    job: (out, paced) => {
      const input = paced(rows(30))
      return {
        a: input.pipe(refuse('3'), toJsonl(join(out, 'a.jsonl'))),
        b: input.pipe(limit(9), toJsonl(join(out, 'b.jsonl'))),
      }
    },
  },
  'fanOut, of which one branch ends early': {
    job: (out, paced) => {
      const [all, few, some] = fanOut(3)(paced(rows(40)).pipe(refuse('7')))
      return [
        few.pipe(limit(8), toJsonl(join(out, 'few.jsonl'))),
        all.pipe(rebatch({ rows: 9 }), toParquet(join(out, 'all.parquet'))),
        some.pipe(refuse('2'), toJsonl(join(out, 'some.jsonl'))),
      ]
    },
  },
  concatFlows: {
    job: (out, paced) =>
      concatFlows([
        paced(rows(12)),
        flowOf(paced(rows(11, { name: 's' })).pipe(refuse('5'))),
        paced(rows(5, { name: 't' })),
      ]).pipe(toJsonl(join(out, 'rows.jsonl'))),
  },
  'a table that several flows read': {
    // They come down the flow that makes the table; after a resume that may be another one.
    rejectsInAnyOrder: true,
    job: (out, paced) => {
      const table = paced(rows(40)).pipe(refuse('7'), pca({ components: 2 }))
      return {
        plain: table.pipe(paced, toJsonl(join(out, 'plain.jsonl'))),
        further: table.pipe(
          gmm({ components: 2, save: join(out, 'model') }),
          toJsonl(join(out, 'further.jsonl')),
        ),
      }
    },
  },
  'two chains of tables over one source': {
    job: (out, paced) => {
      const input = paced(rows(30))
      return {
        a: input.pipe(pca({ components: 2 }), toJsonl(join(out, 'a.jsonl'))),
        b: input.pipe(neighbors(), toJsonl(join(out, 'b.jsonl'))),
      }
    },
  },
}

/** What has to be equal: of rejects that come down one of several flows the order is not. */
function comparable({ rejectsInAnyOrder }: Subject, outcome: Outcome): Outcome {
  const name = 'rejects.jsonl'
  const rejects = outcome.files[name]
  if (!rejectsInAnyOrder || !Array.isArray(rejects)) return outcome
  return { ...outcome, files: { ...outcome.files, [name]: [...(rejects as unknown[])].sort() } }
}

function conforms(subject: Subject): void {
  let straightOnce: Promise<Outcome> | undefined
  it.concurrent.each(cuts)(
    'gives the same when its run is cut %s',
    async (cut) => {
      const whole = await (straightOnce ??= straight(subject))
      const { outcome, parts } = await inParts(subject, cut)
      expect(comparable(subject, outcome)).toEqual(comparable(subject, whole))
      expect(parts).toBeGreaterThan(1)
    },
    timeout,
  )
}

for (const [kind, subjects] of Object.entries({ operators, connectors })) {
  describe(`conformance of ${kind}`, () => {
    it('knows each of them', async () => {
      const files = await readdir(join(here, '..', kind))
      expect(Object.keys(subjects).sort()).toEqual(
        files.map((file) => basename(file, '.ts')).sort(),
      )
    })
    for (const [name, modes] of Object.entries(subjects))
      for (const [mode, subject] of Object.entries(modes))
        describe(`${name} (${mode})`, () => {
          conforms(subject)
        })
  })
}

describe('conformance of graphs', () => {
  for (const [name, subject] of Object.entries(graphs))
    describe(name, () => {
      conforms(subject)
    })

  it(
    'holds for mergeFlows, in any order',
    async () => {
      const subject: Subject = {
        job: (out, paced) =>
          mergeFlows(
            paced(rows(20)),
            flowOf(paced(rows(30, { name: 's' })).pipe(refuse('5'))),
          ).pipe(toJsonl(join(out, 'rows.jsonl'))),
      }
      const whole = await straight(subject)
      const sorted = (lines: unknown): unknown[] => [...(lines as unknown[])].sort()
      for (const cut of cuts) {
        const { outcome } = await inParts(subject, cut)
        expect(sorted(outcome.files['rows.jsonl'])).toEqual(sorted(whole.files['rows.jsonl']))
        expect(outcome.files['rejects.jsonl']).toEqual(whole.files['rejects.jsonl'])
      }
    },
    timeout,
  )
})
