import { readFile } from 'node:fs/promises'
import { OptionError } from '../errors.ts'
import { type ElementType, type GraphValue, OnnxGraph } from '../kernels/onnx-graph.ts'
import { packageVersion } from '../package.ts'
import { byteTable } from '../inference/byte-table.ts'
import { modelFiles } from '../inference/model-files.ts'
import type { PictureInputs } from '../inference/open-model.ts'
import { modelColumns, modelInputs, pictureModel } from '../inference/picture-model.ts'
import type { PictureSize } from '../pictures/pixels.ts'
import { firstOutput, joinedModel } from './joined-model.ts'
import {
  fedPixels,
  type FeatureMap,
  pooledMap,
  type Pooling,
  scored,
  type ScorerModels,
} from './scorer-graph.ts'

/** What makes the embeddings. */
export interface Embedder {
  /** An .onnx file, in place of the bundled model. */
  readonly model?: string
  /** Which output of it, or tensor inside it; the first by default. */
  readonly output?: string
  /** How its feature map is pooled; it is not by default. */
  readonly pool?: Pooling
  /** The size of pictures, where the model takes any. */
  readonly size: PictureSize
}

/** An input or output of a model. */
export interface Port {
  /** Its name. */
  readonly name: string
  /** Type of its values. */
  readonly type: ElementType
  /** Its dimensions; `rows` is any number. */
  readonly shape: readonly (number | string)[]
  /** What it holds, for a person. */
  readonly means: string
}

/** A model that scores by itself. */
export interface Scorer {
  /** The bytes of the .onnx file. */
  readonly model: Uint8Array
  /** What it takes. */
  readonly input: Port
  /** What it gives. */
  readonly outputs: readonly Port[]
}

/**
 * Joins embedder, pooling, PCA and mixture to one model of pictures.
 *
 * @throws {OptionError} if the embeddings have another width than the PCA, or the embedder is not one for pictures
 * @throws {DataError} if the embedder cannot be carried over; see {@link joinedModel}
 */
export async function pictureScorer(
  { model, output, pool, size: defaultSize }: Embedder,
  models: ScorerModels,
): Promise<Scorer> {
  const embedder = pictureModel({
    ...(model !== undefined && { model }),
    ...(output !== undefined && { outputs: output }),
  })
  const { kind, path } = await modelFiles(embedder.file)
  if (kind !== 'onnx')
    throw new OptionError(
      `Expected the embedder to be an .onnx file, got a model for TensorFlow.js at \`${path}\`; convert it, and fit with that`,
    )
  const file = await readFile(path)
  const input = await modelInputs(embedder)
  const size = input.size ?? defaultSize
  const [column] = await modelColumns(embedder, size)
  const map = fittingMap(column?.shape ?? [], models.pca.mean.length, input, pool)
  const rows = input.single ? 1 : 'rows'

  const before = new OnnxGraph('millrace.before.')
  const pixels: Port = {
    name: input.name === 'pixels' ? 'rgb_pixels' : 'pixels',
    type: 'uint8',
    shape: [rows, size.height, size.width, 3],
    means: `RGB, ${String(size.width)} × ${String(size.height)}, 0 to 255`,
  }
  const bytes = before.input(pixels.name, pixels.type, pixels.shape)
  const fed = fedPixels(before, bytes, { ...input, table: byteTable(embedder) })
  before.call(input.name, before.node('Identity', [fed]))

  const after = new OnnxGraph('millrace.after.')
  const taken = after.known(output ?? firstOutput(file, path))
  const embedding = map && pool ? pooledMap(after, taken, map, pool) : taken
  const outputs = [
    ...scoreOutputs(after, embedding, models, rows),
    embeddingOutput(after, { embedding, taken }, [rows, models.pca.mean.length]),
  ]
  const made = [pixels, ...outputs].map(({ name }) => name)
  const around = {
    ...{ input: input.name, before, after },
    made: made.filter((name) => name !== String(embedding)),
    metadata: { producer: `millrace ${packageVersion()}`, [pixels.name]: pixels.means },
  }
  const joined = joinedModel(file, path, around)
  return { model: joined, input: pixels, outputs }
}

/** Joins PCA and mixture to a model of embeddings as they come. */
export function embeddingScorer(models: ScorerModels): Scorer {
  const graph = new OnnxGraph()
  const input: Port = {
    name: 'embedding',
    type: 'float32',
    shape: ['rows', models.pca.mean.length],
    means: 'embeddings like those that were fitted',
  }
  const embedding = graph.input(input.name, input.type, input.shape)
  const outputs = scoreOutputs(graph, embedding, models, 'rows')
  return { model: graph.model(), input, outputs }
}

/** The feature map that is pooled to `columns`; undefined where the values are as many without. */
function fittingMap(
  shape: readonly number[],
  columns: number,
  { layout }: PictureInputs,
  pool: Pooling | undefined,
): FeatureMap | undefined {
  const values = shape.reduce((product, side) => product * side, 1)
  const channelsLast = layout === 'nhwc'
  const channels = channelsLast ? shape.at(-1) : shape[0]
  if (pool === undefined && values === columns) return undefined
  if (pool !== undefined && channels === columns)
    return { places: values / columns, channels, channelsLast }
  const wanted = pool === undefined ? `${String(columns)} values` : `${String(columns)} channels`
  throw new OptionError(
    `Expected embeddings of ${wanted}, as the PCA was fitted to, got [${shape.join(', ')}] from the model; give the --model, --output and --pool that made them`,
  )
}

function scoreOutputs(
  g: OnnxGraph,
  embedding: GraphValue,
  models: ScorerModels,
  rows: number | string,
): Port[] {
  const { pca, familiarity, percentile } = scored(g, embedding, models)
  const components = models.pca.turn.length / models.pca.mean.length
  const ports: Port[] = [
    port('familiarity', 'float64', [rows], 'natural log density; higher is more familiar'),
    port('familiarity_percentile', 'float64', [rows], 'percent of the fitted rows at or below it'),
    port('pca', 'float32', [rows, components], 'principal components'),
  ]
  const values = { familiarity, familiarity_percentile: percentile, pca }
  return ports.filter(({ name, type, shape }) => {
    const value = values[name as keyof typeof values]
    if (value) g.output(name, type, value, shape)
    return value !== undefined
  })
}

/** The embedding in the shape that the PCA takes; a value of the model, `taken`, that has its name stays as it is. */
function embeddingOutput(
  g: OnnxGraph,
  { embedding, taken }: { readonly embedding: GraphValue; readonly taken: GraphValue },
  shape: readonly (number | string)[],
): Port {
  const there = String(taken) === 'embedding'
  const name = there && embedding !== taken ? 'pooled_embedding' : 'embedding'
  if (String(embedding) === name) g.output(name, 'float32', embedding)
  else {
    const [, columns] = shape
    const flat = g.node('Reshape', [embedding, g.integers([-1, Number(columns)])])
    g.output(name, 'float32', flat, shape)
  }
  return port(name, 'float32', shape, 'what the model says of a picture')
}

function port(
  name: string,
  type: ElementType,
  shape: readonly (number | string)[],
  means: string,
): Port {
  return { name, type, shape, means }
}
