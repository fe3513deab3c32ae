import type { PictureModel } from '../inference/loaded-model.ts'
import { type OpenModel, openModel } from '../inference/open-model.ts'
import type { Pixels } from '../pictures/pixels.ts'
import { pixelsIn, RowError, type Task, type TaskValue } from './task.ts'

/** Options of this task. */
export interface InferTaskOptions extends Readonly<Record<string, unknown>> {
  /** What is run, and how pictures are fed to it. */
  readonly model: PictureModel
}

/** Runs the model on the decoded picture. */
export function start({ model }: InferTaskOptions): Task {
  let opened: Promise<OpenModel> | undefined
  return {
    async run(row) {
      const pixels = pixelsIn(row, 'pixels')
      opened ??= openModel(model, pixels)
      const session = await opened
      const made = await ran(session, pixels)
      const columns: Record<string, TaskValue> = {}
      session.columns.forEach(({ name }, at) => {
        const values = made[at] as Float32Array
        if (!values.every(Number.isFinite))
          throw new RowError('MODEL', `Expected finite values in \`${name}\`, got NaN or infinity`)
        columns[name] = values
      })
      return columns
    },
    async close() {
      await opened?.then(
        (session) => session.close(),
        () => undefined,
      )
    },
  }
}

/** A model may refuse a picture at run time, for instance with an index that its values lead to. */
async function ran(session: OpenModel, pixels: Pixels): Promise<readonly Float32Array[]> {
  try {
    return await session.run(pixels)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RowError('MODEL', `Expected the model to run, got ${reason}`)
  }
}
