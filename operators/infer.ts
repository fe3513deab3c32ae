import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { modelColumns, pictureModel, type PictureModelOptions } from '../src/pictures/onnx-model.ts'
import { knownOptions } from '../src/options.ts'
import { pictureSize } from '../src/pictures/pixels.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { InferTaskOptions } from '../src/tasks/infer.ts'
import { fixedShapeTensor } from '../src/batch/tensor.ts'

/** Options of {@link infer}. */
export interface InferOptions extends PictureModelOptions, PictureTaskOptions {}

/**
 * Runs an .onnx model on each picture, one at a time and on one thread, so that results do not
 * depend on batches or threads.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` of one size (after `resize`) → `embedding`, or the columns of `outputs`: float32
 *   tensors of the shape that the model gives them, without the batch's dimension.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `MODEL`.
 * - Concurrency: see `rowTask`; each thread has a session of its own.
 *
 * The model is loaded and run once when the schema is asked for, so a model that does not fit
 * is found before any picture is read.
 *
 * @throws {OptionError} at the call, if an option is unknown; before data flows, if the model has no such output or is not one for pictures
 * @throws {SchemaError} before data flows, if there are no pictures, or of a size that the model does not take
 * @throws {DataError} before data flows, if the file is no model
 */
export function infer(options: InferOptions = {}): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('infer', options, ['model', 'input', 'outputs', 'onError'])
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
