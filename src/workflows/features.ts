import { createHash } from 'node:crypto'
import type { RecordBatch } from 'apache-arrow'
import { contentHash } from '../../operators/content-hash.ts'
import { decode } from '../../operators/decode.ts'
import { imageStats } from '../../operators/image-stats.ts'
import { infer } from '../../operators/infer.ts'
import { perceptualHash } from '../../operators/perceptual-hash.ts'
import { resize } from '../../operators/resize.ts'
import { reuse } from '../../operators/reuse.ts'
import { thumbnail } from '../../operators/thumbnail.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { modelHash, modelSize } from '../inference/picture-model.ts'
import type { PictureSize } from '../pictures/pixels.ts'
import { channelColumns, pictureColumns } from '../statistics/profiles.ts'
import type { Items } from './items.ts'
import { withText } from './with-text.ts'

/** How pictures become numbers. */
export interface FeatureSettings {
  /** A model of one's own, as `infer` takes it. */
  readonly model?: string
  /** The `embeddings.parquet` of an earlier report. */
  readonly known?: string
}

/** Raised when decoding, statistics, hashing or thumbnails change, so that what an older version stored is made again. */
const recipe = 'millrace-4'

const statistics = [
  ...['size', 'aspect_ratio', 'depth', 'mean', 'std', 'var', 'skew', 'kurtosis', 'entropy'],
  ...['brightness', 'darkness', 'contrast', 'sharpness', 'zeros', 'missing'],
]
/** An edge pass of each channel would take four times as long as all else. */
const perChannel = statistics.filter((name) => name !== 'sharpness')
const measured = { profile: 'default', statistics, perChannel, boxes: undefined } as const

/** Columns of statistics, of pictures and of their channels. */
export const statisticColumns = [...pictureColumns(measured), ...channelColumns(measured)].map(
  ({ name }) => name,
)

/** Columns of `embeddings.parquet`: what it takes to report on a picture without decoding it again. */
export const featureColumns = [
  ...['id', 'content_hash', 'model_hash', 'embedding', 'phash'],
  ...['width', 'height', 'channels', ...statisticColumns, 'thumbnail'],
]

/** The size in which pictures are shown to a model that takes any; that of the bundled one. */
export const defaultSize = { width: 224, height: 224 }

/** Identifies what computes the features: the model and the recipe. */
export async function featureHash({ model }: FeatureSettings): Promise<string> {
  const hash = await modelHash(model === undefined ? {} : { model })
  return createHash('sha256').update(`${recipe}\n${hash}`).digest('hex')
}

/**
 * Adds the columns of {@link featureColumns} to pictures, those of pictures seen before from the earlier
 * report. Pictures that do not decode become rejects.
 */
export async function features(
  pictures: Flow<RecordBatch>,
  settings: FeatureSettings,
): Promise<Flow<RecordBatch>> {
  const model_hash = await featureHash(settings)
  const { model } = settings
  const size = (model === undefined ? undefined : await modelSize({ model })) ?? defaultSize
  const hashed = pictures.pipe(contentHash({ onError: 'reject' }))
  const embedded =
    settings.known === undefined
      ? computed(flowOf(hashed), size, model)
      : hashed.pipe(
          reuse({
            from: settings.known,
            key: 'content_hash',
            where: { model_hash },
            columns: featureColumns.filter(
              (c) => !['id', 'content_hash', 'model_hash'].includes(c),
            ),
            otherwise: (rows) => computed(flowOf(rows), size, model),
          }),
        )
  return flowOf(flowOf(embedded).pipe(withText('model_hash', model_hash)))
}

/** Items with their embeddings, and what made these; null for embeddings that came as they are. */
export async function embedded(
  { kind, rows }: Items,
  settings: FeatureSettings,
): Promise<{ readonly rows: Flow<RecordBatch>; readonly model_hash: string | null }> {
  if (kind === 'embeddings') return { rows, model_hash: null }
  return { rows: await features(rows, settings), model_hash: await featureHash(settings) }
}

/** Decodes the pictures and computes what {@link featureColumns} takes. */
function computed(
  rows: Flow<RecordBatch>,
  size: PictureSize,
  model: string | undefined,
): Flow<RecordBatch> {
  return flowOf(
    rows.pipe(
      decode({ onError: 'reject' }),
      imageStats({ stored: 'image', statistics, perChannel, onError: 'reject' }),
      thumbnail(),
      resize({ width: size.width, height: size.height }),
      perceptualHash(),
      infer({ onError: 'reject', ...(model !== undefined && { model }) }),
    ),
  )
}
