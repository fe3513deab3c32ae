import { createHash } from 'node:crypto'
import { DataError } from '../errors.ts'
import type { FileDigest } from './state-file.ts'

/** A part of the plan, as a checkpoint keeps it. */
export interface StoredPlanPart {
  /** Its name, numbered from the second of that name on. */
  readonly key: string
  /** Name of the operator or connector. */
  readonly name: string
  /** Its settings, as JSON with sorted keys. */
  readonly settings: string
  /** Keys of the parts it reads from. */
  readonly inputs: readonly string[]
}

/** A folder that gets its final name when the run is published. */
export interface FolderMove {
  /** Its temporary name, beside the other. */
  readonly from: string
  /** Its final name. */
  readonly to: string
}

/** How far a run is: `complete` when all of it is durable, `published` when all of it is visible. */
export type RunStatus = 'running' | 'complete' | 'published'

/** What a manifest says. */
export interface Manifest {
  /** What the file is. */
  readonly format: 'millrace-checkpoint'
  /** Version of the format. */
  readonly version: number
  /** Number of the checkpoint. */
  readonly number: number
  /** Id of the run. */
  readonly run: string
  /** How far the run is. */
  readonly status: RunStatus
  /** Seed of the run. */
  readonly seed: number
  /** The parts of the plan, inputs before what reads them. */
  readonly plan: readonly StoredPlanPart[]
  /** What gets its final name at the end. */
  readonly publications: readonly FolderMove[]
  /** The states in `state.bin`, in their order. */
  readonly states: readonly { readonly slot: string; readonly bytes: number }[]
  /** Bytes of the summary behind them; 0 without one. */
  readonly summaryBytes: number
  /** Every file of the checkpoint's folder. */
  readonly files: readonly FileDigest[]
}

/** Version of the format that is written and read. */
export const manifestVersion = 1

/** Returns the manifest as a file: JSON with a checksum of itself. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const signed = { ...manifest, sha256: checksum(manifest) }
  return Buffer.from(`${JSON.stringify(signed, null, 2)}\n`)
}

/**
 * Reads the manifest that lies at `path`. Its version is not checked: every version has `format`,
 * `version`, and the checksum in this way.
 *
 * @throws {DataError} if it is damaged
 */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest {
  if (bytes.length === 0) throw new DataError('Expected a manifest, got an empty file', at(path))
  let signed: (Manifest & { readonly sha256?: string }) | null
  try {
    signed = JSON.parse(Buffer.from(bytes).toString('utf8')) as typeof signed
  } catch (cause) {
    throw new DataError('Expected a manifest, got no whole JSON', at(path), { cause })
  }
  const { sha256, ...manifest } = signed ?? ({} as NonNullable<typeof signed>)
  if (sha256 !== checksum(manifest))
    throw new DataError('Expected a manifest as it was written, got another checksum', at(path))
  return manifest
}

/** Over the compact JSON, so that the layout does not count. */
function checksum(manifest: Manifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}

function at(url: string): { readonly url: string } {
  return { url }
}
