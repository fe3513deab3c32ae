import { Field, type RecordBatch, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { type OnError, onErrorChoices, rowTask } from '../src/tasks/row-tasks.ts'
import { requireField } from '../src/batch/schema.ts'
import type { ContentHashTaskOptions } from '../src/tasks/content-hash.ts'

/** Options of {@link contentHash}. */
export interface ContentHashOptions {
  /**
   * Column of bytes.
   *
   * @default 'image'
   */
  readonly column?: string
  /**
   * What becomes of a row without bytes.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/**
 * Hashes the encoded bytes of pictures: equal files have equal hashes.
 *
 * - Rows: n to n; order kept.
 * - Columns: `image` (Binary) → `content_hash` (Utf8): sha256 in hex.
 * - Nulls: a row without bytes is at fault (`MISSING`).
 * - Concurrency: see {@link rowTask}.
 *
 * @throws {OptionError} at the call, if an option is unknown
 * @throws {SchemaError} if the column is missing or not binary
 */
export function contentHash(
  options: ContentHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('contentHash', options, ['column', 'onError'])
  const column = nonEmptyString('column', options.column ?? 'image')
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)

  return rowTask({
    name: 'contentHash',
    task: 'content-hash',
    options: { column } satisfies ContentHashTaskOptions,
    reads: [column],
    makes: ['content_hash'],
    fields(input) {
      requireField(input, column, { owner: 'contentHash', kind: 'binary' })
      return [new Field('content_hash', new Utf8(), true)]
    },
    onError,
  })
}
