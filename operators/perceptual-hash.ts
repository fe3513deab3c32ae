import { Binary, Field, type RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { OptionError } from '../src/errors.ts'
import type { Forms } from '../src/kernels/hash-forms.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import {
  type HashMethod,
  hashMethods,
  type PerceptualHashTaskOptions,
} from '../src/tasks/perceptual-hash.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'

/** Options of {@link perceptualHash}. */
export interface PerceptualHashOptions extends PictureTaskOptions {
  /**
   * How the picture is hashed; of a list each, in one pass and into a column of its own.
   *
   * - `cells`: 64 frequencies of 32 × 32 cells, with a dead zone: what `duplicates` is calibrated on.
   * - `phash`: the DCT hash of other tools, of the picture resized by Pillow's Lanczos kernel, bit by bit.
   * - `dhash`: differences of neighbours in 9 × 9, of the same kernel.
   *
   * @default 'cells'
   */
  readonly method?: 'cells' | 'phash' | 'dhash' | readonly ('cells' | 'phash' | 'dhash')[]
  /**
   * Whether the hashes of the picture turned by right angles and mirrored are made too: `all` eight, one behind the
   * other, by which copies so changed are found (`duplicates({ rule: { bits } })`), or the `smallest` of them alone,
   * which is the same for all eight pictures but for rounding.
   *
   * @default false
   */
  readonly symmetries?: false | 'all' | 'smallest'
  /**
   * What `phash` and `dhash` are made of: the luma, or the mean of the channels (DataEval up to 0.73).
   *
   * @default 'luma'
   */
  readonly gray?: 'luma' | 'mean'
  /**
   * Column that is made, or one for each method.
   *
   * @default 'phash' for 'cells' and 'phash', 'dhash' for 'dhash'
   */
  readonly into?: string | readonly string[]
}

/**
 * Hashes pictures so that those that look alike have hashes of which few bits differ.
 *
 * - Rows: n to n; order kept.
 * - Columns: `pixels` → `into` (Binary, 8 bytes; 64 with `symmetries: 'all'`). Null for `cells` if the picture is nearly
 *   constant, for `phash` and `dhash` if a side is below 9 pixels.
 * - Hashes compare only when made in the same place: right after `decode`, or after the same `resize`.
 * - Nulls: a row without pixels is at fault (`MISSING`).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong, or two hashes would come into one column
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see src/kernels/perceptual-hash.ts, dct-hash.ts and difference-hash.ts for the hashes themselves
 * @example
 * decoded$.pipe(resize({ width: 224, height: 224 }), perceptualHash()) // adds `phash`: 8 bytes
 */
export function perceptualHash(
  options: PerceptualHashOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('perceptualHash', options, ['method', 'symmetries', 'gray', 'into', 'onError'])
  const methods = methodsByColumn(options)
  const names = Object.keys(methods)
  const task: PerceptualHashTaskOptions = {
    methods,
    forms: formsOf(options.symmetries ?? false),
    gray: oneOf('gray', options.gray ?? 'luma', ['luma', 'mean']),
  }

  return pictureTask({
    name: 'perceptualHash',
    task: 'perceptual-hash',
    options: task,
    makes: names,
    fields: () => names.map((name) => new Field(name, new Binary(), true)),
    onError: options.onError,
  })
}

function formsOf(symmetries: unknown): Forms {
  return symmetries === false ? 'plain' : oneOf('symmetries', symmetries, ['all', 'smallest'])
}

function methodsByColumn({
  method = 'cells',
  into,
}: PerceptualHashOptions): Record<string, HashMethod> {
  const methods = list(method).map((each) => oneOf('method', each, hashMethods))
  const names =
    into === undefined
      ? methods.map(usualName)
      : list(into).map((name) => nonEmptyString('into', name))
  const given = new Map(names.map((name, i) => [name, methods[i] ?? 'cells']))
  if (methods.length > 0 && names.length === methods.length && given.size === methods.length)
    return Object.fromEntries(given)
  throw new OptionError(
    `Expected option \`into\` to name a column for each of ${String(methods.length)} methods, got ${names.join(', ')}`,
  )
}

function usualName(method: HashMethod): string {
  return method === 'dhash' ? 'dhash' : 'phash'
}

function list<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value
}
