import type { PictureSize } from '../pictures/pixels.ts'
import { serve } from '../worker.ts'
import type { PictureModel } from './loaded-model.ts'
import { inputsOf, type ModelColumn, openModel } from './open-model.ts'
import { type Backend, backends } from './tfjs-backend.ts'

const methods = {
  /** How a model takes its pictures. */
  inputs: inputsOf,

  /** Loads a model and says what it makes of pictures of `size`. */
  async describe({ model, size }: Description): Promise<ModelDescription> {
    const { columns, warning, close } = await openModel(model, size)
    await close()
    return { columns, warning }
  },

  /** Loads a backend, or fails with what hinders it. */
  async backend(backend: Backend): Promise<void> {
    await backends[backend].load()
  },
}

interface Description {
  readonly model: PictureModel
  readonly size: PictureSize | undefined
}

/** What a model does. */
export interface ModelDescription {
  /** What it makes. */
  readonly columns: readonly ModelColumn[]
  /** What is to be known about the way in which it runs. */
  readonly warning: string | undefined
}

/** What the thread answers. */
export type ModelMethods = typeof methods

serve(methods)
