import { DataType, type Field, type RecordBatch, type Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { column as columnAt, withColumns } from '../src/batch/batch.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { tensorShape } from '../src/batch/tensor.ts'
import { transposed, transposedField } from '../src/batch/transposed.ts'
import { SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, nonEmptyString, oneOf } from '../src/options.ts'

/** Options of {@link layout}. */
export interface LayoutOptions {
  /** The order in which values lie: row by row of pixels (`HWC`), or a whole plane per channel (`CHW`). */
  readonly to: Layout
  /**
   * Column of pictures of one size, which are in the other order.
   *
   * @default 'pixels'
   */
  readonly column?: string
}

/** An order of the axes of a picture: H its height, W its width, C its channels. */
export type Layout = keyof typeof axesTo

/** By where it leads, the axes of the other order, and which of those is the channels. */
const axesTo = {
  CHW: { axes: [2, 0, 1], from: 'height × width × channels', channels: 2 },
  HWC: { axes: [1, 2, 0], from: 'channels × height × width', channels: 0 },
} as const

/** Of an axis of more values it is likely that it is a side, and the picture in this order already. */
const mostChannels = 4

/**
 * Turns pictures from height × width × channels to channels × height × width, or back.
 *
 * - Rows: n to n, in order. Copies.
 * - Columns: `column` (tensor of fixed shape, 1 to 4 channels, of any values) → the same in the other order. What
 *   reads pictures (`resize`, `infer`) takes height × width × channels.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown or none of the choices
 * @throws {SchemaError} if the column is missing, no tensor of fixed shape, or not in the other order; pictures
 *   of many sizes need `resize` before it
 * @see `transpose` for other axes
 * @example
 * pictures.pipe(decode(), resize({ width: 320, height: 200 }), layout({ to: 'CHW' })) // shape 3 × 200 × 320
 */
export function layout(options: LayoutOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('layout', options, ['to', 'column'])
  const to = oneOf('to', options.to, Object.keys(axesTo) as Layout[])
  const column = nonEmptyString('column', options.column ?? 'pixels')
  const { axes } = axesTo[to]

  return operate<RecordBatch, RecordBatch>({
    name: 'layout',
    reads: [column],
    schema: (input) => schemaWith(input, [transposedField(checked(input, column, to), axes)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        const field = checked(batch.schema, column, to)
        yield withColumns(batch, [transposed({ field, vector: columnAt(batch, column) }, axes)])
      },
    }),
    settings: { column, to },
  })
}

function checked(schema: Schema, column: string, to: Layout): Field {
  const field = requireField(schema, column, { owner: 'layout' })
  const { from, channels } = axesTo[to]
  const expected = `Expected column \`${column}\` of layout to be ${from}`
  if (!DataType.isFixedSizeList(field.type))
    throw new SchemaError(
      `${expected}, of one size, got ${String(field.type)}: resize pictures before it`,
      { column },
    )
  const shape = tensorShape(field)
  if (shape.length === 3 && (shape[channels] ?? 0) <= mostChannels) return field
  throw new SchemaError(
    `${expected}, with at most ${String(mostChannels)} channels, got shape [${shape.join(', ')}]`,
    { column },
  )
}
