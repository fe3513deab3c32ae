import { createRequire } from 'node:module'
import type * as Converter from '@tensorflow/tfjs-converter'
import type * as Core from '@tensorflow/tfjs-core'
import type * as Layers from '@tensorflow/tfjs-layers'
import { ConnectorError, OptionError } from '../errors.ts'
import { reasonOf } from './reason-of.ts'

/** TensorFlow.js, as far as it is used here. */
export type TensorFlow = typeof Core &
  Pick<typeof Converter, 'loadGraphModel'> &
  Pick<typeof Layers, 'loadLayersModel' | 'model'> & { readonly node?: NativeModels }

/** What the native packages have besides. */
export interface NativeModels {
  /** Loads a SavedModel by its folder. */
  readonly loadSavedModel: (folder: string) => Promise<SavedModel>
}

/** A SavedModel: the signature `serving_default` of what is tagged `serve`. */
export interface SavedModel {
  /** Tensors that it takes; tfjs-node 4.22 leaves sizes as protobuf messages. */
  readonly inputs: readonly {
    readonly name: string
    readonly dtype: string
    readonly shape: readonly (number | { readonly getSize: () => number })[]
  }[]
  /** Names of its outputs, and what they are called inside. */
  readonly outputNodeNames: Readonly<Record<string, string>>
  /** Returns its outputs, in the order of their names. */
  readonly predict: (inputs: readonly Core.Tensor[]) => readonly Core.Tensor[]
  /** Releases it. */
  readonly dispose: () => void
}

/** What runs models for TensorFlow.js. */
export type Backend = 'node-gpu' | 'node' | 'wasm'

/** A package that runs models for TensorFlow.js. */
export interface BackendPackage {
  /** Its name. */
  readonly name: string
  /** What to install for it. */
  readonly install: string
  /** Loads it. */
  readonly load: () => Promise<TensorFlow>
}

const require = createRequire(import.meta.url)
const scope = '@tensorflow/tfjs'

/** The packages, all optional, in the order in which they are tried. */
export const backends: Readonly<Record<Backend, BackendPackage>> = {
  'node-gpu': {
    name: `${scope}-node-gpu`,
    install: `${scope}-node-gpu`,
    // Its types are there only where it is.
    load: () => Promise.resolve().then(() => require('@tensorflow/tfjs-node-gpu') as TensorFlow),
  },
  node: {
    name: `${scope}-node`,
    install: `${scope}-node`,
    load: () => Promise.resolve().then(() => require('@tensorflow/tfjs-node') as TensorFlow),
  },
  wasm: {
    name: `${scope}-backend-wasm`,
    install: ['core', 'converter', 'layers', 'backend-wasm'].map((p) => `${scope}-${p}`).join(' '),
    load: wasm,
  },
}

/** The names of {@link backends}, in order. */
export const backendNames = Object.keys(backends) as readonly Backend[]

/** The backend of this thread. */
export interface LoadedBackend {
  /** Which it is. */
  readonly backend: Backend
  /** What it gives. */
  readonly tf: TensorFlow
  /** Names those that come before it, are installed and do not load. */
  readonly warning: string | undefined
}

let loaded: Promise<LoadedBackend> | undefined

/**
 * Returns the first of `choices` that is installed and loads. TensorFlow.js has one engine in a thread, so who
 * asks first decides for all.
 *
 * @throws {OptionError} if another one runs in this thread
 * @throws {ConnectorError} if none loads
 */
export async function tensorFlow(choices: readonly Backend[]): Promise<LoadedBackend> {
  loaded ??= firstOf(choices)
  let found: LoadedBackend
  try {
    found = await loaded
  } catch (error) {
    loaded = undefined
    throw error
  }
  if (choices.includes(found.backend)) return found
  throw new OptionError(
    `Expected all TensorFlow.js models of a chain to run on one backend, got '${found.backend}' and '${choices.join("' or '")}'; give each \`infer\` the same option \`backend\``,
  )
}

async function firstOf(choices: readonly Backend[]): Promise<LoadedBackend> {
  const absent: string[] = []
  const failed: string[] = []
  for (const backend of choices) {
    const { name, load } = backends[backend]
    if (!isInstalled(name)) {
      absent.push(`\`${name}\` is not installed`)
      continue
    }
    try {
      const tf = await load()
      return { backend, tf, warning: failed.length > 0 ? warningOf(failed, name) : undefined }
    } catch (cause) {
      failed.push(`\`${name}\` does not load (${reasonOf(cause)})`)
    }
  }
  const last = backends[choices.at(-1) ?? 'wasm']
  throw new ConnectorError(
    `Expected a package that runs TensorFlow.js models, got none: ${[...failed, ...absent].join(', ')}; install one with: npm install ${last.install}`,
    { url: last.name, retryable: false },
  )
}

function warningOf(failed: readonly string[], next: string): string {
  return `${failed.join(', ')}; TensorFlow.js models run on \`${next}\``
}

/** Whether there is a package of this name; it may not load all the same. */
function isInstalled(name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}

async function wasm(): Promise<TensorFlow> {
  const core = await import('@tensorflow/tfjs-core')
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter')
  const { loadLayersModel, model } = await import('@tensorflow/tfjs-layers')
  await import('@tensorflow/tfjs-backend-wasm')
  if (!(await core.setBackend('wasm'))) throw new Error('WebAssembly does not start')
  return { ...core, loadGraphModel, loadLayersModel, model }
}
