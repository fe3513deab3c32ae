import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError } from '../errors.ts'
import { type LoadedModel, type ModelInput, unknownOutputs } from './loaded-model.ts'
import { withOutputs } from './onnx-outputs.ts'

/** One thread per session: the pool has the threads that the work is spread over. */
const settings: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
}

/**
 * Loads an ONNX model. What is asked for is an output, or any tensor inside the graph.
 *
 * @throws {DataError} if the file is no model
 * @throws {OptionError} if the model has no such output
 */
export async function loadOnnx(file: string, asked?: readonly string[]): Promise<LoadedModel> {
  const session = await sessionOf(file, asked)
  const fetches = asked ?? session.outputNames.slice(0, 1)
  const inputs = session.inputMetadata.map(inputOf)
  const [first] = session.inputNames
  return {
    inputs,
    async run({ type, shape, values }) {
      const fed = new Tensor(type as 'float32', values as Float32Array, shape)
      const made = await session.run({ [first ?? '']: fed }, fetches)
      return fetches.map((name) => {
        const { type, dims, data } = made[name] as Tensor
        return { type, shape: dims, values: data }
      })
    },
    close: () => session.release(),
  }
}

/** Inner tensors become outputs only where one is asked for, so that all others load as they are. */
async function sessionOf(file: string, asked: readonly string[] = []): Promise<InferenceSession> {
  let session: InferenceSession
  try {
    session = await InferenceSession.create(file, settings)
  } catch (cause) {
    throw new DataError(`Expected an ONNX model, got a file that does not load: ${reason(cause)}`, {
      url: file,
    })
  }
  const present = session.outputNames
  const inner = asked.filter((name) => !present.includes(name))
  if (inner.length === 0) return session
  await session.release()
  try {
    return await fromCopy(withOutputs(await readFile(file), inner))
  } catch (cause) {
    throw unknownOutputs(inner, present, { kind: 'tensors', because: reason(cause) })
  }
}

/**
 * A session of a model that is in no file. Of bytes alone the runtime (1.30) takes tensors that are kept in other
 * files from the working directory; beside a copy there are none.
 */
async function fromCopy(model: Uint8Array): Promise<InferenceSession> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-model-'))
  try {
    const file = join(folder, 'model.onnx')
    await writeFile(file, model)
    return await InferenceSession.create(file, settings)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Without the place in the runtime's sources. */
function reason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.trim().replace(/\S+\.cc:\d+ .*?\) (?=[A-Z])/s, '')
}

function inputOf(input: InferenceSession.ValueMetadata): ModelInput {
  return input.isTensor
    ? { name: input.name, type: input.type, shape: input.shape }
    : { name: input.name, type: 'no tensor', shape: [] }
}
