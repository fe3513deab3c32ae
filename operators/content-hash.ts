import { Field, type RecordBatch, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import type { ContentHashTaskOptions } from '../src/tasks/content-hash.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link contentHash}. */
export interface ContentHashOptions extends PictureTaskOptions {
  /**
   * Column of bytes, or `pixels`: the decoded pictures.
   *
   * @default 'image'
   */
  readonly column?: string
  /**
   * `sha256`, which nobody can make collide on purpose, or `xxh3`: XXH3 of 64 bits with seed 0, three times as fast.
   *
   * @default 'sha256'
   */
  readonly method?: 'sha256' | 'xxh3'
  /**
   * Of `pixels`: `interleaved` hashes height, width and channels (32 bits each, low byte first), then the values,
   * channels last; `planar` one channel after the other without the shape: the bytes that DataEval hashes.
   *
   * @default 'interleaved'
   */
  readonly layout?: 'interleaved' | 'planar'
  /**
   * Column that is made.
   *
   * @default 'content_hash', or 'pixel_hash' of `pixels`
   */
  readonly into?: string
}

/**
 * Hashes the encoded bytes of pictures, or what is decoded from them: equal files, or pictures, have equal hashes.
 *
 * - Rows: n to n; order kept.
 * - Columns: `column` (Binary, or pictures) → `into` (Utf8): 64 hex digits of sha256, or 16 of XXH3.
 * - Nulls: a row without bytes or pixels is at fault (`MISSING`).
 * - By 64 bits two of 1,000,000 different files are taken for one with probability 3 · 10⁻⁸.
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown, or `layout` is given for other than `pixels`
 * @throws {SchemaError} if the column is missing, or neither binary nor, if it is `pixels`, pictures
 * @see https://github.com/Cyan4973/xxHash for XXH3
 * @example
 * fromFiles('photos').pipe(contentHash()) // adds `content_hash`: 64 hex digits
 */
export function contentHash(
  options: ContentHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('contentHash', options, ['column', 'method', 'layout', 'into', 'onError'])
  const column = nonEmptyString('column', options.column ?? 'image')
  const ofPixels = column === 'pixels'
  if (options.layout !== undefined && !ofPixels)
    throw new OptionError('Expected option `layout` to come with column `pixels`, which has one')
  const into = nonEmptyString('into', options.into ?? (ofPixels ? 'pixel_hash' : 'content_hash'))
  const task: ContentHashTaskOptions = {
    ...{ column, into },
    method: oneOf('method', options.method ?? 'sha256', ['sha256', 'xxh3']),
    layout: oneOf('layout', options.layout ?? 'interleaved', ['interleaved', 'planar']),
  }

  return pictureTask({
    name: 'contentHash',
    task: 'content-hash',
    options: task,
    ...(!ofPixels && { encoded: column }),
    makes: [into],
    fields: () => [new Field(into, new Utf8(), true)],
    onError: options.onError,
  })
}
