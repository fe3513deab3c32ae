import { Binary, Field, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, numberBetween, oneOf, positiveInteger } from '../src/options.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import { heavy } from '../src/batch/schema.ts'
import type { ThumbnailTaskOptions } from '../src/tasks/thumbnail.ts'

/** Options of {@link thumbnail}. */
export interface ThumbnailOptions extends PictureTaskOptions {
  /**
   * Longest side in pixels; a smaller picture keeps its size.
   *
   * @default 96
   */
  readonly side?: number
  /**
   * How it is encoded.
   *
   * @default 'webp'
   */
  readonly format?: 'webp' | 'jpeg'
  /**
   * Quality of the encoder, from 1 to 100.
   *
   * @default 60
   */
  readonly quality?: number
}

/**
 * Makes a small encoded copy of each picture, so that showing it later needs no second decode.
 *
 * - Rows: n to n; order kept.
 * - Columns: `pixels` → `thumbnail` (Binary, heavy: carried only as far as an operator declares it).
 *   Put it before `resize` to keep the picture's shape.
 * - Nulls: a row without pixels is at fault (`MISSING`).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @example
 * decoded$.pipe(thumbnail({ side: 96 })) // adds `thumbnail`, a WebP of at most 96 × 96
 */
export function thumbnail(
  options: ThumbnailOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('thumbnail', options, ['side', 'format', 'quality', 'onError'])
  const side = positiveInteger('side', options.side ?? 96)
  const format = oneOf('format', options.format ?? 'webp', ['webp', 'jpeg'])
  const quality = numberBetween('quality', options.quality ?? 60, 1, 100)

  return pictureTask({
    name: 'thumbnail',
    options: { side, format, quality } satisfies ThumbnailTaskOptions,
    makes: ['thumbnail'],
    fields: () => [heavy(new Field('thumbnail', new Binary(), true))],
    onError: options.onError,
  })
}
