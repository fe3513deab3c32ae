import type { PictureSize } from '../pictures/pixels.ts'
import { serve } from '../worker.ts'
import { inputOf, type ModelColumn, openModel, type PictureModel } from './onnx-session.ts'

const methods = {
  /** How a model wants its pictures. */
  input: inputOf,

  /** Loads a model and runs it on a black picture. */
  async describe({
    model,
    size,
  }: {
    readonly model: PictureModel
    readonly size: PictureSize | undefined
  }): Promise<readonly ModelColumn[]> {
    const opened = await openModel(model, size)
    try {
      const { width = 0, height = 0 } = size ?? {}
      const data = new Uint8Array(height * width * 3)
      const values = await opened.run({ width, height, data })
      return values.map(({ column, shape }) => ({ name: column, shape }))
    } finally {
      await opened.close()
    }
  },
}

/** What the thread answers. */
export type ModelMethods = typeof methods

serve(methods)
