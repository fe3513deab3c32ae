import { Field, Int32, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import {
  column,
  int32Column,
  rowBytes,
  select,
  take,
  textColumn,
  withColumns,
  withoutHeavy,
} from '../src/batch/batch.ts'
import { elementField, type Lists, listsIn } from '../src/batch/list-column.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { type Reject, Rejects } from '../src/flow/control.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions, nonEmptyString, oneOf } from '../src/options.ts'
import { type OnError, onErrorChoices, refused } from '../src/tasks/row-tasks.ts'
import { RowError } from '../src/tasks/task.ts'

/** Options of {@link unnest}. */
export interface UnnestOptions {
  /** Columns of lists, which have as many elements as one another in each row. */
  readonly columns: readonly string[]
  /**
   * Column that says which element of its list a row has, from 0.
   *
   * @default 'index'
   */
  readonly index?: string
  /**
   * What becomes of a row whose lists have different lengths.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/** What the rows that are made at a time may take. */
const pieceBytes = 2 ** 24
const pieceRows = 4096

/**
 * Makes a row of each element of lists, such as the boxes of a picture and their statistics.
 *
 * - Rows: n to many; order kept. They are counted by the rows that came in, and a run with them is not replayed.
 * - Columns: each of `columns` → its elements, of their type; `id` → `<id>#<index>`; adds `parent_id` (Utf8, the `id` that
 *   was) and `index` (Int32). The others are repeated.
 * - Nulls: a row whose lists are null or empty gives no row, and counts as dropped. Null elements stay.
 * - Faults (`onError`): `DAMAGED` (lists of different lengths; null is as long as an empty one).
 * - State: 16 MiB of rows, or one that is larger, and the input's batch.
 *
 * @throws {OptionError} at the call, if an option is unknown or `columns` is empty
 * @throws {SchemaError} if a column is missing or has no lists
 * @throws {DataError} on the stream, if the lists of a row have different lengths and `onError` is 'fail'
 * @example
 * pictures$.pipe(imageStats({ boxes: 'boxes' }), unnest({ columns: ['boxes', 'box_mean'] })) // a row for each box
 */
export function unnest(options: UnnestOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('unnest', options, ['columns', 'index', 'onError'])
  const columns = columnList('columns', options.columns)
  const index = nonEmptyString('index', options.index ?? 'index')
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)

  return operate<RecordBatch, RecordBatch>({
    name: 'unnest',
    schema: (input) => schemaWith(input, fieldsOf(input, columns, index)),
    sourceRows: (made) => firstElements(made, index),
    memoryBytes: 2 * pieceBytes,
    settings: { columns, index },
    start: (context) => ({
      next: (batch) => unnested(withoutHeavy(batch, context.columns), { columns, index, onError }),
    }),
  })
}

function fieldsOf(input: Schema, columns: readonly string[], index: string): readonly Field[] {
  requireField(input, 'id', { owner: 'unnest', kind: 'text' })
  const elements = columns.map((name) =>
    elementField(requireField(input, name, { owner: 'unnest' }), 'unnest'),
  )
  const texts = ['id', 'parent_id'].map((name) => new Field(name, new Utf8(), true))
  return [...elements, ...texts, new Field(index, new Int32(), true)]
}

/** A row is counted where its first element is. */
function firstElements(made: RecordBatch, index: string): number {
  return [...column(made, index)].filter((place) => place === 0).length
}

/** Yields the elements of the rows of `batch`, in pieces, then what was at fault. */
function* unnested(
  batch: RecordBatch,
  { columns, index, onError }: Required<UnnestOptions>,
): Generator<RecordBatch | Rejects> {
  const lists = columns.map((name) => listsIn(batch, name, 'unnest'))
  const { fields } = schemaWith(batch.schema, fieldsOf(batch.schema, columns, index))
  const names = fields.map(({ name }) => name)
  const others = batch.schema.fields.filter(({ name }) => !columns.includes(name))
  const rest = select(
    batch,
    others.map(({ name }) => name),
  )
  const bytes = rowBytes(rest)
  const rejects: Reject[] = []
  let [rows, places, held]: [number[], number[], number] = [[], [], 0]
  for (let row = 0; row < batch.numRows; row++) {
    const length = lengthOrFault(lists, row)
    if (length instanceof RowError) {
      const { code, message } = length
      const id = String(column(batch, 'id').get(row))
      const reject = refused(onError, { id, operator: 'unnest', code, message })
      if (reject) rejects.push(reject)
      continue
    }
    for (let place = 0; place < length; place++) {
      rows.push(row)
      places.push(place)
      held += bytes[row] ?? 0
      if (rows.length < pieceRows && held < pieceBytes) continue
      yield elements(rest, lists, { rows, places, index, names })
      ;[rows, places, held] = [[], [], 0]
    }
  }
  if (rows.length > 0) yield elements(rest, lists, { rows, places, index, names })
  if (rejects.length > 0) yield new Rejects(rejects)
}

/** How many elements each list of a row has. */
function lengthOrFault(lists: readonly Lists[], row: number): number | RowError {
  const lengths = lists.map((each) => each.lengths[row] ?? 0)
  const [first = 0] = lengths
  const other = lengths.findIndex((length) => length !== first)
  if (other < 0) return first
  const texts = [0, other].map((at) => `${String(lengths[at])} in \`${lists[at]?.name ?? ''}\``)
  return new RowError('DAMAGED', `Expected lists of one length, got ${texts.join(' and ')}`)
}

/** Which elements become rows, and the columns that these have. */
interface Picked {
  readonly rows: readonly number[]
  readonly places: readonly number[]
  readonly index: string
  readonly names: readonly string[]
}

/** The rows of `rest` that the elements are of, with the elements. */
function elements(
  rest: RecordBatch,
  lists: readonly Lists[],
  { rows, places, index, names }: Picked,
): RecordBatch {
  const repeated = take(rest, rows)
  const parents = [...column(repeated, 'id')].map(String)
  const made = withColumns(repeated, [
    ...lists.map((each) => each.take(rows, places)),
    textColumn(
      'id',
      parents.map((id, i) => `${id}#${String(places[i])}`),
    ),
    textColumn('parent_id', parents),
    int32Column(index, places),
  ])
  return select(made, names)
}
