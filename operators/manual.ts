import { type Field, Float64, type RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { column, take, withColumns } from '../src/batch/batch.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { fixedShapeTensor } from '../src/batch/tensor.ts'
import { DataError, OptionError } from '../src/errors.ts'
import { Rejects } from '../src/flow/control.ts'
import { operate } from '../src/flow/operate.ts'
import { scoreColumns } from '../src/learn/row-scores.ts'
import { columnList, kindOf, knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { storedPoints } from '../src/parquet/stored-points.ts'

/** Options of {@link manual}. */
export interface ManualOptions {
  /** The points by key, all of as many finite coordinates; or the path of a Parquet file that has them. */
  readonly points: Readonly<Record<string, readonly number[]>> | string
  /**
   * Number columns of the file, one per coordinate.
   *
   * @default ['x', 'y']
   */
  readonly columns?: readonly string[]
  /**
   * Text column, in the rows and in the file, that says whose a point is.
   *
   * @default 'id'
   */
  readonly key?: string
  /**
   * The column of points that is added.
   *
   * @default 'manual'
   */
  readonly into?: string
  /**
   * What becomes of a row without a point: its point is null, the row is a reject, or the stream fails.
   *
   * @default 'null'
   */
  readonly missing?: Missing
}

type Missing = 'null' | 'reject' | 'fail'
type Points = ReadonlyMap<string, readonly number[]>

/**
 * Gives rows points that were made elsewhere: by another tool, by hand, by an earlier run.
 *
 * - Rows: n to n, or with `missing: 'reject'` to those that have a point; order kept.
 * - Columns: adds `into`, a tensor of Float64 with as many values as a point has coordinates.
 * - Nulls: a row whose key is null has no point; a point of the file with a null is none.
 * - State: all points in memory, about 200 bytes each. The file is read when the first row comes, and again by a run that
 *   is resumed.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `key` is no text column; on the stream, if the file lacks a column
 * @throws {ConnectorError} on the stream, if the file cannot be read
 * @throws {DataError} on the stream, if the file is damaged, or with `missing: 'fail'` a row has no point
 * @example
 * rows$.pipe(manual({ points: 'map.parquet', into: 'place' })) // adds `place`: FixedSizeList[2]<Float64>
 */
export function manual(options: ManualOptions): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('manual', options, ['points', 'columns', 'key', 'into', 'missing'])
  const key = nonEmptyString('key', options.key ?? 'id')
  const into = nonEmptyString('into', options.into ?? 'manual')
  const missing = oneOf('missing', options.missing ?? 'null', ['null', 'reject', 'fail'])
  const file =
    typeof options.points === 'string' ? nonEmptyString('points', options.points) : undefined
  const given = typeof options.points === 'string' ? undefined : checkedPoints(options.points)
  if (given && options.columns)
    throw new OptionError(`Expected no option \`columns\` beside points that are given`)
  const columns = columnList('columns', options.columns ?? ['x', 'y'])
  const [point] = given?.values() ?? [columns]
  const field = fixedShapeTensor(into, [point?.length ?? 0], new Float64())

  return operate<RecordBatch, RecordBatch>({
    name: 'manual',
    schema: (input) => {
      requireField(input, key, { owner: 'manual', kind: 'text' })
      if (missing === 'reject') requireField(input, 'id', { owner: 'manual', kind: 'text' })
      return schemaWith(input, [field])
    },
    holds: 'the points, with their keys',
    start: ({ signal }) => {
      let points: Points | undefined = given
      return {
        async *next(batch) {
          points ??= await storedPoints(file as string, { key, columns, signal })
          yield* placed(batch, points, { key, field, missing })
        },
      }
    },
    settings: {
      key,
      into,
      missing,
      ...(given ? { points: given.size } : { points: file, columns }),
    },
  })
}

function* placed(
  batch: RecordBatch,
  points: Points,
  { key, field, missing }: { key: string; field: Field; missing: Missing },
): Generator<RecordBatch | Rejects> {
  const { numRows } = batch
  const keys = [...column(batch, key)] as (string | null)[]
  const found = keys.map((name) => (name === null ? undefined : points.get(name)))
  const rows = Int32Array.from(keys.keys()).filter((row) => found[row])
  const scores = [Float64Array.from(found.flatMap((point) => point ?? []))]
  if (rows.length === numRows || missing === 'null') {
    const some = rows.length === numRows ? undefined : rows
    yield withColumns(batch, scoreColumns([field], scores, { rows: some, numRows }))
    return
  }
  const lost = keys.flatMap((name, row) => (found[row] ? [] : [{ name, row }]))
  if (missing === 'fail') {
    const name = String(lost[0]?.name)
    throw new DataError(`Expected a point for \`${name}\`, got none`, { url: name })
  }
  const about = { rows: undefined, numRows: rows.length }
  if (rows.length > 0) yield withColumns(take(batch, rows), scoreColumns([field], scores, about))
  const ids = column(batch, 'id')
  yield new Rejects(
    lost.map(({ name, row }) => ({
      ...{ id: String(ids.get(row)), operator: 'manual', code: 'MISSING', attempt: 1 },
      message: `Expected a point for \`${String(name)}\`, got none`,
    })),
  )
}

function checkedPoints(points: Readonly<Record<string, unknown>>): Points {
  const entries = Object.entries(kindOf(points) === 'an object' ? points : {})
  const [, first] = entries[0] ?? []
  const size = Array.isArray(first) ? first.length : 0
  if (size === 0)
    throw new OptionError(
      `Expected option \`points\` to be points by key such as \`{ a: [0, 1] }\`, or the path of a Parquet file, got ${kindOf(points)}`,
    )
  for (const [key, point] of entries)
    if (!Array.isArray(point) || point.length !== size || !point.every(Number.isFinite))
      throw new OptionError(
        `Expected ${String(size)} finite numbers for \`${key}\` in option \`points\`, got \`${String(point)}\``,
      )
  return new Map(entries as [string, readonly number[]][])
}
