import { createHash, randomUUID } from 'node:crypto'
import { copyFile, mkdir, open, readFile, rm } from 'node:fs/promises'
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
import { type ArrayEntry, arrayLength, type FileEntry } from './manifest.ts'
import type { ModelState, StateArray } from './model.ts'
import {
  formatVersion,
  inFile,
  manifestChecksum,
  manifestName,
  readManifest,
  sha256,
} from './model-folder.ts'
import { requireModelPlace } from './model-place.ts'
import { failPoint } from '../run/fail-point.ts'

/**
 * Writes a model as a folder: `model.json` (kind, version, parameters, rows seen, checksums), an
 * Arrow IPC file with one column `values` per array, and copies of the model's own files.
 *
 * Everything is written under a temporary name beside `folder`, synced, then renamed. A folder that
 * is there already is moved aside first and removed last, so one of the two is always whole.
 *
 * @throws {OptionError} if something else than a model is there
 */
export async function saveModel(folder: string, state: ModelState): Promise<void> {
  await requireModelPlace(folder)
  const target = resolve(folder)
  const temporary = `${target}.${randomUUID()}.tmp`
  await writeModel(temporary, state)
  try {
    await replaceFolder(temporary, target, nodeDisk)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/**
 * Writes a model durably as a folder under a temporary name, which the caller renames: what was written
 * under that name before is removed, and so is what there is of it after an error (a full disk).
 */
export async function writeModel(temporary: string, state: ModelState): Promise<void> {
  await rm(temporary, { recursive: true, force: true })
  try {
    await mkdir(temporary, { recursive: true })
    await writeFolder(temporary, state)
    await nodeDisk.syncFolder(dirname(temporary))
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/**
 * Reads a model of `kind` from a folder, and checks every checksum, shape and type. Reads nothing outside of
 * the folder, and nothing larger than its files.
 *
 * @throws {DataError} if the folder is no model, of another kind or format version, or damaged
 * @throws {ConnectorError} if a file of it cannot be read
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
