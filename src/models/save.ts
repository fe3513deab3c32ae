import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  makeVector,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { nodeDisk } from '../disk.ts'
import { DataError } from '../errors.ts'
import { replaceFolder } from '../output/replace-folder.ts'
import { pathInside } from '../path-inside.ts'
import {
  type ArrayEntry,
  arrayLength,
  checkedManifest,
  type FileEntry,
  type Manifest,
  modelLimits,
} from './manifest.ts'
import type { ModelState, StateArray } from './model.ts'
import { failPoint } from '../run/fail-point.ts'

const manifestName = 'model.json'
const formatVersion = 1

/**
 * Writes a model as a folder: `model.json` (kind, version, parameters, rows seen, checksums), an
 * Arrow IPC file with one column `values` per array, and copies of the model's own files.
 *
 * Everything is written under a temporary name beside `folder`, synced, then renamed. A folder that
 * is there already is moved aside first and removed last, so one of the two is always whole.
 */
export async function saveModel(folder: string, state: ModelState): Promise<void> {
  const target = resolve(folder)
  const temporary = `${target}.${randomUUID()}.tmp`
  try {
    await writeModel(temporary, state)
    await replaceFolder(temporary, target, nodeDisk)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/**
 * Writes a model durably as a folder under a temporary name, which the caller renames: what was written
 * under that name before is removed.
 */
export async function writeModel(temporary: string, state: ModelState): Promise<void> {
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { recursive: true })
  await writeFolder(temporary, state)
  await nodeDisk.syncFolder(dirname(temporary))
}

/**
 * Reads a model of `kind` from a folder, and checks every checksum, shape and type. Reads nothing outside of
 * the folder, and nothing larger than its files.
 *
 * @throws {DataError} if the folder is no model, of another kind or format version, or damaged
 */
export async function loadModel(folder: string, kind: string): Promise<ModelState> {
  const manifest = await readManifest(folder)
  if (manifest.kind !== kind)
    throw new DataError(`Expected a model of kind \`${kind}\`, got \`${manifest.kind}\``, {
      url: folder,
    })
  const arrays: Record<string, StateArray> = {}
  for (const [name, entry] of Object.entries(manifest.arrays))
    arrays[name] = readArray(folder, name, entry, await readChecked(folder, entry))
  const files: Record<string, string> = {}
  for (const [name, entry] of Object.entries(manifest.files))
    files[name] = await checkedFile(folder, entry)
  const { version, parameters, rowsSeen } = manifest
  return { kind, version, parameters, arrays, rowsSeen, files, origin: folder }
}

/**
 * Makes a model of what {@link loadModel} reads.
 *
 * @throws {DataError} if what was saved does not make one, though its checksums are right
 */
export async function restoredModel<M>(
  folder: string,
  kind: string,
  make: (state: ModelState) => M | Promise<M>,
): Promise<M> {
  const state = await loadModel(folder, kind)
  try {
    return await make(state)
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(
      `Expected a \`${kind}\` in the model folder, got one that does not fit: ${reason}`,
      { url: folder },
      { cause },
    )
  }
}

async function writeFolder(folder: string, state: ModelState): Promise<void> {
  const arrays: Record<string, ArrayEntry> = {}
  for (const [name, { shape, values }] of Object.entries(state.arrays)) {
    const size = shape.reduce((a, b) => a * b, 1)
    if (size !== values.length)
      throw new Error(
        `Expected ${String(size)} values in \`${name}\`, got ${String(values.length)}`,
      )
    const vector = ArrayBuffer.isView(values)
      ? makeVector(values as Float64Array)
      : vectorFromArray(values, new Utf8())
    const bytes = tableToIPC(new Table({ values: vector }), 'file')
    const file = `${name}.arrow`
    await writeSynced(join(folder, file), bytes)
    arrays[name] = { file, type: String(vector.type), shape, sha256: sha256(bytes) }
  }
  failPoint('model: saving')
  const files: Record<string, FileEntry> = {}
  for (const [name, path] of Object.entries(state.files ?? {})) {
    failPoint('index: saving')
    const copy = join(folder, name)
    await copyFile(path, copy)
    await sync(copy)
    files[name] = { file: name, sha256: sha256(await readFile(copy)) }
  }
  const { kind, version, rowsSeen, parameters } = state
  const format = 'millrace-model' as const
  const manifest = { format, formatVersion, kind, version, rowsSeen, parameters, arrays, files }
  const signed = { ...manifest, sha256: manifestChecksum(manifest) }
  await writeSynced(join(folder, manifestName), `${JSON.stringify(signed, null, 2)}\n`)
  await nodeDisk.syncFolder(folder)
}

async function readManifest(folder: string): Promise<Manifest> {
  const text = await inFile(folder, manifestName, async (file) => {
    const { size } = await file.stat()
    if (size <= modelLimits.manifestBytes) return file.readFile('utf8')
    throw new DataError(
      `Expected \`${manifestName}\` of at most ${String(modelLimits.manifestBytes)} bytes, got ${String(size)}`,
      { url: folder },
    )
  })
  let signed: (Readonly<Record<string, unknown>> & { readonly sha256?: string }) | null
  try {
    signed = JSON.parse(text) as typeof signed
  } catch (cause) {
    throw new DataError(`Expected JSON in \`${manifestName}\``, { url: folder }, { cause })
  }
  if (signed?.['format'] !== 'millrace-model')
    throw new DataError(`Expected a model in \`${manifestName}\`, got another kind of JSON`, {
      url: folder,
    })
  if (signed['formatVersion'] !== formatVersion)
    throw new DataError(
      `Expected model format version ${String(formatVersion)}, got ${String(signed['formatVersion'])}`,
      { url: folder },
    )
  const { sha256: checksum, ...manifest } = signed
  if (checksum !== manifestChecksum(manifest))
    throw new DataError(`Expected \`${manifestName}\` as it was saved, got another checksum`, {
      url: folder,
    })
  return checkedManifest(manifest, folder)
}

function readArray(folder: string, name: string, entry: ArrayEntry, bytes: Buffer): StateArray {
  const length = arrayLength(entry, bytes.length, folder)
  const vector = columnOf(bytes, entry.file, folder)
  if (vector?.length !== length || String(vector.type) !== entry.type || vector.nullCount > 0)
    throw new DataError(
      `Expected ${String(length)} values of ${entry.type} in \`${entry.file}\`, got ${String(vector?.length)} of ${String(vector?.type)}`,
      { url: folder },
    )
  if (entry.type === 'Utf8')
    return { shape: entry.shape, values: [...vector].map((text: unknown) => String(text)) }
  const values = vector.toArray() as StateArray['values']
  if (values.length === length) return { shape: entry.shape, values: values.slice() }
  throw new DataError(
    `Expected ${String(length)} values in \`${name}\`, got ${String(values.length)}`,
    { url: folder },
  )
}

function columnOf(bytes: Buffer, file: string, folder: string): Vector | null {
  try {
    return tableFromIPC(bytes).getChild('values')
  } catch (cause) {
    throw new DataError(`Expected \`${file}\` to be an Arrow file`, { url: folder }, { cause })
  }
}

async function readChecked(folder: string, { file, sha256: checksum }: FileEntry): Promise<Buffer> {
  const bytes = await inFile(folder, file, (open) => open.readFile())
  if (sha256(bytes) === checksum) return bytes
  throw new DataError(`Expected \`${file}\` as it was saved, got another checksum`, { url: folder })
}

/** The path of a file whose checksum is right. */
async function checkedFile(folder: string, { file, sha256: checksum }: FileEntry): Promise<string> {
  const hash = createHash('sha256')
  await inFile(folder, file, async (open) => {
    for await (const chunk of open.createReadStream({ autoClose: false }))
      hash.update(chunk as Buffer)
  })
  if (hash.digest('hex') === checksum) return join(folder, file)
  throw new DataError(`Expected \`${file}\` as it was saved, got another checksum`, { url: folder })
}

/** Opens a file of the folder: no link that leads out of it, and nothing that has no end (a pipe, a device). */
async function inFile<T>(
  folder: string,
  name: string,
  read: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined
  try {
    const path = await pathInside(folder, name)
    if (path === undefined)
      throw new DataError(`Expected \`${name}\` in the model folder, got a link out of it`, {
        url: folder,
      })
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if ((await file.stat()).isFile()) return await read(file)
    throw new DataError(`Expected \`${name}\` to be a file`, { url: folder })
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError(`Expected a model folder with \`${name}\``, { url: folder }, { cause })
  } finally {
    await file?.close()
  }
}

/** Over the manifest as compact JSON, so that its layout does not count. */
function manifestChecksum(manifest: object): string {
  return sha256(JSON.stringify(manifest))
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function writeSynced(path: string, bytes: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+')
  await file.sync().finally(() => file.close())
}
