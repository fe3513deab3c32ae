import { DataError, OptionError } from '../errors.ts'
import { type LoadedModel, unknownOutputs } from './loaded-model.ts'
import { reasonOf } from './reason-of.ts'
import { runTensors } from './run-tensors.ts'
import { type Backend, type SavedModel, tensorFlow } from './tfjs-backend.ts'

/**
 * Loads a SavedModel of TensorFlow by its folder, on a native backend. What is asked for is an output of its
 * signature.
 *
 * @throws {DataError} if the folder holds no model
 * @throws {OptionError} if the model has no such output, or the backend is not native
 * @throws {ConnectorError} if no native backend is installed and loads
 */
export async function loadSavedModel(
  folder: string,
  asked?: readonly string[],
  backend?: Backend,
): Promise<LoadedModel> {
  if (backend === 'wasm')
    throw new OptionError(
      `Expected option \`backend\` to be 'node-gpu' or 'node' for a SavedModel, got 'wasm'`,
    )
  const { tf, warning } = await tensorFlow(backend ? [backend] : ['node-gpu', 'node'])
  const model = await opened(folder, tf.node?.loadSavedModel)
  const names = Object.keys(model.outputNodeNames)
  const unknown = asked?.filter((name) => !names.includes(name)) ?? []
  if (unknown.length > 0) throw unknownOutputs(unknown, names)
  const places = (asked ?? names.slice(0, 1)).map((name) => names.indexOf(name))
  return {
    inputs: model.inputs.map(({ name, dtype, shape }) => ({
      name,
      type: dtype,
      shape: shape.map((size) => (typeof size === 'number' ? size : size.getSize())),
    })),
    async run(fed) {
      const made = await runTensors(tf, fed, (picture) => model.predict([picture]))
      return places.flatMap((place) => made[place] ?? [])
    },
    close: () => {
      model.dispose()
    },
    warning,
  }
}

async function opened(
  folder: string,
  load: ((folder: string) => Promise<SavedModel>) | undefined,
): Promise<SavedModel> {
  try {
    if (!load) throw new Error('the backend has no `loadSavedModel`')
    return await load(folder)
  } catch (cause) {
    throw new DataError(
      `Expected a SavedModel, got a folder that does not load: ${reasonOf(cause)}`,
      { url: folder },
      { cause },
    )
  }
}
