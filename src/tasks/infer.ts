import type { Pixels, PictureSize } from '../pictures/pixels.ts'
import { type ModelValue, type OpenModel, openModel, type PictureModel } from './onnx-session.ts'
import { pixelsIn, RowError, type Task, type TaskValue } from './task.ts'

/** Options of this task. */
export interface InferTaskOptions extends Readonly<Record<string, unknown>> {
  /** What is run, and how pictures are fed to it. */
  readonly model: PictureModel
}

/** Runs the model on the decoded picture. */
export function start({ model }: InferTaskOptions): Task {
  let opened: { readonly size: PictureSize; readonly session: Promise<OpenModel> } | undefined
  return {
    async run(row) {
      const pixels = pixelsIn(row, 'pixels')
      opened ??= { size: pixels, session: openModel(model, pixels) }
      const session = await opened.session
      const columns: Record<string, TaskValue> = {}
      for (const { column, values } of await ran(session, pixels)) {
        if (!values.every(Number.isFinite))
          throw new RowError(
            'MODEL',
            `Expected finite values in \`${column}\`, got NaN or infinity`,
          )
        columns[column] = values
      }
      return columns
    },
    async close() {
      await opened?.session.then(
        (session) => session.close(),
        () => undefined,
      )
    },
  }
}

/** A model may refuse a picture at run time, for instance with an index that its values lead to. */
async function ran(session: OpenModel, pixels: Pixels): Promise<readonly ModelValue[]> {
  try {
    return await session.run(pixels)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RowError('MODEL', `Expected the model to run, got ${reason}`)
  }
}
