import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { io } from '@tensorflow/tfjs-core'
import { DataError, OptionError } from '../errors.ts'
import { pathInside } from '../path-inside.ts'
import { reasonOf } from './reason-of.ts'

/** A model on disk. */
export interface ModelFiles {
  /** What it was saved as. */
  readonly kind: 'onnx' | 'tfjs' | 'saved-model'
  /** What is opened: the file, or the folder of a SavedModel. */
  readonly path: string
  /** All that it consists of. */
  readonly files: readonly string[]
}

/** What a `model.json` for TensorFlow.js holds. */
export interface ModelJson extends io.ModelJSON {
  /** A graph has a list of nodes, layers have none. */
  readonly modelTopology: {
    readonly node?: readonly { readonly name: string; readonly op: string }[]
  }
}

/**
 * Returns what a model consists of: an .onnx file; a `model.json`, or the folder that holds it, with its
 * weights; or the folder of a SavedModel.
 *
 * @throws {OptionError} if there is nothing of the kind
 * @throws {DataError} if a `model.json` is damaged, or its weights are missing
 */
export async function modelFiles(path: string): Promise<ModelFiles> {
  const folder = (await found(path)).isDirectory()
  if (!folder && !path.endsWith('.json')) return { kind: 'onnx', path, files: [path] }
  if (folder && (await readdir(path)).includes('saved_model.pb'))
    return { kind: 'saved-model', path, files: await filesUnder(path) }
  const json = folder ? join(path, 'model.json') : path
  await found(json)
  return { kind: 'tfjs', path: json, files: [json, ...(await weightFiles(json))] }
}

/**
 * Reads a `model.json`.
 *
 * @throws {DataError} if it is none
 */
export async function readModelJson(file: string): Promise<ModelJson> {
  try {
    const json = JSON.parse(await readFile(file, 'utf8')) as Partial<ModelJson> | null
    if (json?.modelTopology && json.weightsManifest) return json as ModelJson
  } catch (cause) {
    throw notTfjs(file, reasonOf(cause), cause)
  }
  throw notTfjs(file, 'it lacks `modelTopology` or `weightsManifest`')
}

/** The files of a model's weights, in the order in which they follow each other; none lies outside its folder. */
export async function weightFiles(file: string): Promise<readonly string[]> {
  const { weightsManifest } = await readModelJson(file)
  const files: string[] = []
  for (const name of weightsManifest.flatMap(({ paths }) => paths)) {
    const path = await pathInside(dirname(file), name).catch((cause: unknown) => {
      throw notTfjs(file, reasonOf(cause), cause)
    })
    if (path === undefined) throw notTfjs(file, `weights outside its folder: \`${name}\``)
    files.push(path)
  }
  return files
}

/** The error for a `model.json` that does not load. */
export function notTfjs(file: string, reason: string, cause?: unknown): DataError {
  return new DataError(
    `Expected a TensorFlow.js model, got a file that does not load: ${reason}`,
    { url: file },
    { cause },
  )
}

async function filesUnder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

async function found(path: string): ReturnType<typeof stat> {
  try {
    return await stat(path)
  } catch (cause) {
    throw new OptionError(
      `Expected option \`model\` to be an .onnx file, a model.json or the folder of a SavedModel, got \`${path}\`, which cannot be read`,
      { cause },
    )
  }
}
