import type { Field, RecordBatch } from 'apache-arrow'
import { ConnectorError } from '../errors.ts'
import type { Flow } from '../flow/flow.ts'
import { storedLocation } from '../storage/location.ts'
import { type LoadedEntry, listSource, type Reading } from './list-source.ts'
import {
  type ManifestOptions,
  type ManifestSettings,
  manifestSettings,
} from './manifest-options.ts'

/** A list that is read. */
export interface ListReading {
  /** Where it lies. */
  readonly location: string
  /** How it is read. */
  readonly settings: ManifestSettings
  /** For whom. */
  readonly reading: Reading
}

/** A list of pictures whose columns do not depend on what is in it. */
export interface PictureList<P> {
  /** Name of the source. */
  readonly name: string
  /** The columns of its rows. */
  readonly fields: readonly Field[]
  /** The entries behind a position, loaded, in order. */
  readonly entries: (list: ListReading, from: P | undefined) => AsyncIterable<LoadedEntry<P>>
  /** What a list at a location must have, for the error where it has nothing; without it that is fine. */
  readonly expected?: (location: string) => string
}

/**
 * Makes the source of a list of pictures.
 *
 * @throws {OptionError} if an option is unknown or out of range
 */
export function pictureList<P>(
  location: string,
  options: ManifestOptions,
  { name, fields, entries, expected }: PictureList<P>,
): Flow<RecordBatch> {
  storedLocation('location', location)
  const settings = manifestSettings(name, options)
  return listSource<P>({
    ...{ name, location, settings, options },
    open: () =>
      Promise.resolve({
        ...{ fields, batchRows: 64, close: () => Promise.resolve() },
        async *entries(reading, from) {
          let found = from !== undefined
          for await (const entry of entries({ location, settings, reading }, from)) {
            found = true
            yield entry
          }
          if (found || !expected) return
          throw new ConnectorError(`Expected ${expected(location)}, got none`, {
            url: location,
            retryable: false,
          })
        },
      }),
  })
}
