import { join } from 'node:path'
import { folderName, manifestName, stateFile, writeTemporary } from './checkpoint-folder.ts'
import type { Disk } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestVersion,
  type FolderMove,
  type RunStatus,
  type StoredPlanPart,
} from './manifest.ts'
import { type FileDigest, readStates, syncFiles, verifyFile, writeStates } from './state-file.ts'
import { failPoint } from './fail-point.ts'

/** What a run saves, and goes on from. */
export interface Checkpoint {
  /** Its number, from 1. */
  readonly number: number
  /** How far the run is. */
  readonly status: RunStatus
  /** The parts of the plan, inputs before what reads them. */
  readonly plan: readonly StoredPlanPart[]
  /** Seed of the run. */
  readonly seed: number
  /** State by slot: anything `structuredClone` takes. */
  readonly states: ReadonlyMap<string, unknown>
  /** What gets its final name when the run is published. */
  readonly publications: readonly FolderMove[]
  /** What the run did, once it is published: anything `structuredClone` takes. */
  readonly summary?: unknown
}

/**
 * Reads the manifest of a checkpoint.
 *
 * @throws {DataError} if it is damaged
 * @throws {ConnectorError} if a later version wrote it
 */
export async function readManifest(disk: Disk, parent: string, number: number): Promise<Manifest> {
  const path = join(parent, manifestName(number))
  const manifest = decodeManifest(await disk.readFile(path), path)
  if (manifest.version === manifestVersion) return manifest
  throw new ConnectorError(
    `Expected checkpoints of format version ${String(manifestVersion)} in ${parent}, got version ${String(manifest.version)}; resume with the version of Millrace that wrote them`,
    { url: parent, retryable: false },
  )
}

/**
 * Reads a checkpoint, once every file of it is known to be as it was written.
 *
 * @throws {DataError} if one is missing or damaged
 * @throws {ConnectorError} if a later version wrote it
 */
export async function readCheckpoint(
  disk: Disk,
  parent: string,
  number: number,
): Promise<Checkpoint> {
  const manifest = await readManifest(disk, parent, number)
  const { status, seed, plan, publications, states, summaryBytes, files } = manifest
  const folder = join(parent, folderName(number))
  const lengths = states.map(({ bytes }) => bytes)
  if (summaryBytes > 0) lengths.push(summaryBytes)
  for (const file of files) await verifyFile(disk, folder, file)
  const values = await readStates(disk, join(folder, stateFile), lengths)
  const bySlot = new Map(states.map(({ slot }, i) => [slot, values[i]]))
  const summary = values[states.length]
  const found = { number, status, seed, plan, publications, states: bySlot }
  return summary === undefined ? found : { ...found, summary }
}

/**
 * Makes durable what a checkpoint consists of, the manifest under a temporary name; returns that. The
 * folder is there, with the files of states.
 */
export async function writeCheckpoint(
  disk: Disk,
  parent: string,
  checkpoint: Checkpoint,
  run: string,
): Promise<string> {
  const { number, states, summary } = checkpoint
  const folder = join(parent, folderName(number))
  const values: (readonly [string, unknown])[] = [...states]
  if (summary !== undefined) values.push(['the summary', summary])
  const lengths = await writeStates(disk, join(folder, stateFile), values)
  failPoint('state: after write')
  const files = await syncFiles(disk, folder)
  const manifest = manifestOf(checkpoint, run, lengths, files)
  failPoint('manifest: before write')
  return writeTemporary(disk, join(parent, manifestName(number)), encodeManifest(manifest))
}

function manifestOf(
  { number, status, seed, plan, publications, states, summary }: Checkpoint,
  run: string,
  lengths: readonly number[],
  files: readonly FileDigest[],
): Manifest {
  return {
    format: 'millrace-checkpoint',
    version: manifestVersion,
    number,
    run,
    status,
    seed,
    plan,
    publications,
    states: [...states.keys()].map((slot, i) => ({ slot, bytes: lengths[i] ?? 0 })),
    summaryBytes: summary === undefined ? 0 : (lengths.at(-1) ?? 0),
    files,
  }
}
