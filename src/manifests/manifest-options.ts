import { knownOptions, nonEmptyString, oneOf, positiveInteger } from '../options.ts'
import { linkChoices, type Links } from '../pictures/file-roots.ts'
import { storedLocation } from '../storage/location.ts'
import { type StorageOptions, storageSettings } from '../storage/storage-options.ts'
import { type OnError, onErrorChoices } from '../tasks/row-tasks.ts'

/** Options of all sources that read a list of pictures. */
export interface ManifestOptions {
  /**
   * The folder, prefix or URL that paths of pictures are relative to, and have to stay in.
   *
   * @default where the list itself lies
   */
  readonly root?: string
  /**
   * Which paths and links in folders are followed: those that lead to something under the root, or all. URLs
   * (`http(s)://`, `s3://`) are followed in any case.
   *
   * @default 'within'
   */
  readonly links?: Links
  /**
   * The split of all rows, whatever the list says.
   *
   * @default as the list says
   */
  readonly split?: string
  /**
   * Name of the source: goes before each id, with `/`, where several sources meet.
   *
   * @default none
   */
  readonly name?: string
  /**
   * Most rows of a batch.
   *
   * @default 64, of rows without pictures 4096
   */
  readonly batchRows?: number
  /**
   * Most bytes of a batch: pictures, and what the list says of them; a larger row has a batch of its own.
   *
   * @default 33_554_432, less if the run's memory asks for it
   */
  readonly batchBytes?: number
  /**
   * What becomes of a row or an entry at fault.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
  /** How buckets and URLs are reached. */
  readonly storage?: StorageOptions
}

/** Checked {@link ManifestOptions}. */
export interface ManifestSettings {
  /** Undefined for where the list lies. */
  readonly root: string | undefined
  /** Which links are followed. */
  readonly links: Links
  /** Undefined for what the list says. */
  readonly split: string | undefined
  /** Goes before each id. */
  readonly prefix: string
  /** Undefined for the default. */
  readonly batchRows: number | undefined
  /** Undefined for a share of the run's memory. */
  readonly batchBytes: number | undefined
  /** What becomes of a fault. */
  readonly onError: OnError
  /** How buckets and URLs are reached. */
  readonly storage: StorageOptions
}

const known = ['root', 'links', 'split', 'name', 'batchRows', 'batchBytes', 'onError', 'storage']

/**
 * The settings for `options` of the source `owner`, which has some `more` of its own.
 *
 * @throws {OptionError} if one is unknown or out of range
 */
export function manifestSettings(
  owner: string,
  options: ManifestOptions,
  more: readonly string[] = [],
): ManifestSettings {
  knownOptions(owner, options, [...known, ...more])
  const { root, split, name, batchRows, batchBytes, storage = {} } = options
  storageSettings(storage)
  return {
    root: root === undefined ? undefined : storedLocation('root', root),
    links: oneOf('links', options.links ?? 'within', linkChoices),
    split: split === undefined ? undefined : nonEmptyString('split', split),
    prefix: name === undefined ? '' : `${nonEmptyString('name', name)}/`,
    batchRows: batchRows === undefined ? undefined : positiveInteger('batchRows', batchRows),
    batchBytes: batchBytes === undefined ? undefined : positiveInteger('batchBytes', batchBytes),
    onError: oneOf('onError', options.onError ?? 'fail', onErrorChoices),
    storage,
  }
}
