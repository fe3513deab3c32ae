import type { Field, RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { requireField } from '../batch/schema.ts'
import { oneOf } from '../options.ts'
import { checkedPixels } from '../pictures/pixels.ts'
import { type OnError, onErrorChoices, rowTask, type RowTaskSpec } from './row-tasks.ts'

/** Options that every operator on pictures has. */
export interface PictureTaskOptions {
  /**
   * What becomes of a row at fault.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/** A row task that works on the picture of each row. */
export interface PictureTaskSpec extends Pick<RowTaskSpec, 'name' | 'options'> {
  /**
   * Module that does the work, see {@link RowTaskSpec}.
   *
   * @default the name of the operator
   */
  readonly task?: string
  /** Column of encoded pictures; without it the decoded ones in `pixels` are read. */
  readonly encoded?: string
  /**
   * Names of the columns that it adds or replaces.
   *
   * @default ['pixels']
   */
  readonly makes?: readonly string[]
  /**
   * The fields of `makes`, from the field of the pictures.
   *
   * @default that field: pictures of the size that they had
   */
  readonly fields?: (pictures: Field) => readonly Field[] | Promise<readonly Field[]>
  /** As the caller gave it. */
  readonly onError: OnError | undefined
}

/**
 * Builds an operator from a task on the picture of each row; see {@link rowTask}.
 *
 * @throws {OptionError} at the call, if `onError` is none of the choices
 */
export function pictureTask({
  name,
  task = name,
  options,
  encoded,
  makes = ['pixels'],
  fields = (pictures) => [pictures],
  onError = 'fail',
}: PictureTaskSpec): OperatorFunction<RecordBatch, RecordBatch> {
  const column = encoded ?? 'pixels'
  return rowTask({
    name,
    task,
    options,
    reads: [column],
    makes,
    fields(input) {
      if (encoded !== undefined)
        return fields(requireField(input, column, { owner: name, kind: 'binary' }))
      return fields(checkedPixels(requireField(input, column, { owner: name }), name))
    },
    onError: oneOf('onError', onError, onErrorChoices),
  })
}
