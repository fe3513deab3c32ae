import { Field, type RecordBatch, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, nonEmptyString } from '../src/options.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { ContentHashTaskOptions } from '../src/tasks/content-hash.ts'

/** Options of {@link contentHash}. */
export interface ContentHashOptions extends PictureTaskOptions {
  /**
   * Column of bytes.
   *
   * @default 'image'
   */
  readonly column?: string
}

/**
 * Hashes the encoded bytes of pictures: equal files have equal hashes.
 *
 * - Rows: n to n; order kept.
 * - Columns: `image` (Binary) → `content_hash` (Utf8): sha256 in hex.
 * - Nulls: a row without bytes is at fault (`MISSING`).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if the column is missing or not binary
 * @example
 * fromFiles('photos').pipe(contentHash()) // adds `content_hash`: 64 hex digits
 */
export function contentHash(
  options: ContentHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('contentHash', options, ['column', 'onError'])
  const column = nonEmptyString('column', options.column ?? 'image')

  return pictureTask({
    name: 'contentHash',
    task: 'content-hash',
    options: { column } satisfies ContentHashTaskOptions,
    encoded: column,
    makes: ['content_hash'],
    fields: () => [new Field('content_hash', new Utf8(), true)],
    onError: options.onError,
  })
}
