import { existsSync } from 'node:fs'
import { nodeDisk } from '../disk.ts'
import { DataError, OptionError } from '../errors.ts'
import type { Pooling, ScorerModels } from '../export/scorer-graph.ts'
import { embeddingScorer, pictureScorer, type Port, type Scorer } from '../export/scorer.ts'
import { runKernel } from '../kernels/kernel.ts'
import { GaussianMixture } from '../models/gaussian-mixture.ts'
import { Pca } from '../models/pca.ts'
import { restoredModel } from '../models/save.ts'
import { putFile, wrapped } from '../run/checkpoint-folder.ts'
import { defaultSize, featureHash } from './features.ts'
import { aboutModels, modelFolders, requireAbout } from './scores.ts'
import type { WorkflowResult } from './workflow.ts'

/** Options of {@link exportOnnx}. */
export interface ExportOptions {
  /** Folder of fitted models: as `fit` and `report` write it, or with a `pca` and a `gmm` that a pipeline saved. */
  readonly models: string
  /** File to write. */
  readonly onnx: string
  /** The .onnx file that made the embeddings, in place of the bundled model. */
  readonly model?: string
  /** Which output of it, or tensor inside it, a pipeline took; the first by default. */
  readonly output?: string
  /** How a pipeline pooled its feature map. */
  readonly pool?: Pooling
}

/**
 * Writes embedder, pooling, PCA and mixture as one ONNX model, which scores wherever ONNX runs. It has been run once
 * when it gets its name.
 *
 * @throws {DataError} if a model is missing or damaged, or cannot be joined
 * @throws {OptionError} if the embeddings are those of another model, or of another width
 */
export async function exportOnnx(options: ExportOptions): Promise<WorkflowResult> {
  const { onnx } = options
  const models = await fittedModels(options.models)
  const scorer = (await areOfPictures(options))
    ? await pictureScorer({ ...options, size: defaultSize }, models)
    : embeddingScorer(models)
  await tried(scorer, onnx)
  const { model, input, outputs } = scorer
  await wrapped(onnx, () => putFile(nodeDisk, onnx, Buffer.from(model)))
  const summary = { onnx, bytes: model.length, input, outputs }
  return { summary, text: textOf(scorer, onnx) }
}

async function fittedModels(models: string): Promise<ScorerModels> {
  const folder = modelFolders(models)
  const pca = await restoredModel(folder.pca, 'pca', (state) => Pca.fromState(state))
  const mixture = await restoredModel(folder.gmm, 'gaussian-mixture', (state) =>
    GaussianMixture.fromState(state),
  )
  return { pca: pca.projection(), mixture: await mixture.scoring() }
}

/** Whether the models are of pictures; if so, those of the embedder that is given. */
async function areOfPictures({ models, model, output, pool }: ExportOptions): Promise<boolean> {
  const ofPipeline = output ?? pool
  // A pipeline that saves its models does not note what made the embeddings.
  if (!existsSync(modelFolders(models).about)) return (model ?? ofPipeline) !== undefined
  if (ofPipeline !== undefined)
    throw new OptionError(
      `Expected --output and --pool with models that a pipeline saved, got \`${models}\`, which fit or report wrote: they take a model's first output as it is`,
    )
  const { model_hash } = await aboutModels(models)
  if (model_hash === null && model === undefined) return false
  await requireAbout(models, await featureHash(model === undefined ? {} : { model }))
  return true
}

/** Runs the model once, on zeros. */
async function tried({ model, input: { name, type, shape } }: Scorer, url: string): Promise<void> {
  const dims = shape.map((side) => (typeof side === 'number' ? side : 1))
  const size = dims.reduce((product, side) => product * side, 1)
  const values = type === 'uint8' ? new Uint8Array(size) : new Float32Array(size)
  try {
    await runKernel({ key: `scorer ${url}`, model }, { [name]: { type, dims, values } })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(
      `Expected the joined model to run, got ${reason}; nothing was written`,
      { url },
      { cause },
    )
  }
}

function textOf({ model, input, outputs }: Scorer, onnx: string): string {
  const megabytes = (model.length / 1e6).toFixed(1)
  return [
    `${onnx}: ${megabytes} MB`,
    `  takes ${portText(input)}`,
    ...outputs.map((output) => `  gives ${portText(output)}`),
  ].join('\n')
}

function portText({ name, type, shape, means }: Port): string {
  return `${name}: ${type} [${shape.join(', ')}], ${means}`
}
