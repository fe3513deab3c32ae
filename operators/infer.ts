import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import {
  modelColumns,
  pictureModel,
  type PictureModelOptions,
} from '../src/inference/picture-model.ts'
import { knownOptions } from '../src/options.ts'
import { pictureSize } from '../src/pictures/pixels.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { InferTaskOptions } from '../src/tasks/infer.ts'
import { fixedShapeTensor } from '../src/batch/tensor.ts'

/** Options of {@link infer}. */
export interface InferOptions extends PictureModelOptions, PictureTaskOptions {}

/**
 * Runs a model on each picture, one at a time, so that results do not depend on batches or threads: an .onnx
 * file, a graph or layers saved for TensorFlow.js, or a SavedModel.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` of one size (after `resize`) → `embedding`, or the columns of `outputs`: float32
 *   tensors of the shape that the model gives them, without the batch's dimension.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `MODEL`.
 * - Concurrency: see `rowTask`; each thread has a session of its own, which starts no further ones unless
 *   a native TensorFlow does. TensorFlow.js has one backend in a thread, and so in a chain.
 * - State: the model; no tensor outlives its picture.
 *
 * The model is loaded and run on a black picture when the schema is asked for, so a model that does not fit is
 * found before any picture is read; of the bundled one it is known what it makes. A package that runs models for TensorFlow.js (see `backend`; all are
 * optional) and is installed but does not load is then a warning of the process, `MILLRACE_BACKEND`, which names
 * it and the one that is used instead.
 *
 * @throws {OptionError} at the call, if an option is unknown; before data flows, if the model has no such output or is not one for pictures
 * @throws {SchemaError} before data flows, if there are no pictures, or of a size that the model does not take
 * @throws {DataError} before data flows, if the file is no model
 * @throws {ConnectorError} before data flows, if nothing that runs the model is installed and loads
 * @example
 * flow.pipe(infer({ model: 'flowers/model.json', outputs: ['dense_1', 'pool'] })) // adds `dense_1`, `pool`
 */
export function infer(options: InferOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('infer', options, ['model', 'backend', 'input', 'outputs', 'onError'])
  const model = pictureModel(options)

  return pictureTask({
    name: 'infer',
    options: { model } satisfies InferTaskOptions,
    makes: Object.values(model.outputs ?? { first: 'embedding' }),
    async fields(pixels) {
      const columns = await modelColumns(model, pictureSize(pixels))
      return columns.map(({ name, shape }) => fixedShapeTensor(name, shape))
    },
    onError: options.onError,
  })
}
