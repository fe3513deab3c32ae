import { Field, Float64, type RecordBatch, type Schema, Utf8, vectorFromArray } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { batchOf } from '../src/batch/batch.ts'
import { requireField, schemaWith } from '../src/batch/schema.ts'
import { OptionError } from '../src/errors.ts'
import { flowOf } from '../src/flow/flow.ts'
import type { Metric } from '../src/kernels/distance.ts'
import { type LabelVotes, labelVotes } from '../src/neighbors/label-votes.ts'
import { nearestRows } from '../src/neighbors/neighbor-search.ts'
import { knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { operateTable, type StoredTable } from '../src/table/column-store.ts'

/** Options of {@link labelErrors}. */
export interface LabelErrorsOptions {
  /**
   * Column of embeddings.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * Text column of labels.
   *
   * @default 'label'
   */
  readonly label?: string
  /**
   * Neighbours that are asked.
   *
   * @default 20
   */
  readonly k?: number
  /**
   * How far apart two embeddings are: 1 − cos, or the length of their difference.
   *
   * @default 'cosine'
   */
  readonly metric?: Metric
}

/** Rows of a batch that comes out. */
const batchRows = 4096

const fields = [
  new Field('suggested_label', new Utf8(), true),
  new Field('label_error', new Float64(), true),
  new Field('label_confidence', new Float64(), true),
]

/**
 * Finds labels that are probably wrong: those that the nearest other rows, by their embeddings, do not bear out.
 *
 * - Rows: n to n, in input order, when the input has ended.
 * - Columns: `id`, `embedding` (tensor), `label` (text) → `label_error` (Float64, 0 to 1: own / (own + other), how far the row's own
 *   label and the nearest other one are; above ½ the other is nearer, so sort by it, highest first), `suggested_label` (Utf8: the other one, where it
 *   is nearer) and `label_confidence` (Float64, 0 to 1: its share of the neighbours' votes).
 * - Nulls: a row without label or embedding is nobody's neighbour and gets nulls, and so does a row that is alone. `suggested_label` and
 *   `label_confidence` are null where the row's own label is as near as any.
 * - Exact copies of a row bear out nothing under the same label; under another one they speak against it.
 * - State: blocks of embeddings (192 MiB, less if the run's memory asks for it), 12 bytes per row and neighbour, the ids and the labels.
 * - Every row is held against every other: the time grows with the square of the rows.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong; when applied, if the flow never ends
 * @throws {SchemaError} if a column is missing, or of another kind
 * @throws {DataError} on the stream, if a value is not finite
 * @see labelVotes in src/neighbors/label-votes.ts for the mathematics, docs/labels.md for how good it is
 * @example
 * flow.pipe(labelErrors()) // => { label: 'cat', label_error: 0.71, suggested_label: 'dog', label_confidence: 0.9, … }
 */
export function labelErrors(
  options: LabelErrorsOptions = {},
): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('labelErrors', options, ['column', 'label', 'k', 'metric'])
  const column = nonEmptyString('column', options.column ?? 'embedding')
  const label = nonEmptyString('label', options.label ?? 'label')
  const k = positiveInteger('k', options.k ?? 20)
  const metric = oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean'])

  function schemaOf(input: Schema): Schema {
    requireField(input, 'id', { owner: 'labelErrors', kind: 'text' })
    requireField(input, column, { owner: 'labelErrors', kind: 'tensor' })
    requireField(input, label, { owner: 'labelErrors', kind: 'text' })
    return schemaWith(input, fields)
  }

  return (source) => {
    const input = flowOf(source)
    if (!input.bounded)
      throw new OptionError('Expected a bounded flow for labelErrors, got an unbounded one')
    return operateTable({
      name: 'labelErrors',
      reads: [column],
      settings: { column, label, k, metric },
      schema: schemaOf,
      // A block, the kernel's copy of it, and the rows that it is compared with.
      memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
      holds: `the ids and labels, ${String(12 * k)} bytes per row for its neighbours`,
      async *run(table, _context, memoryBytes) {
        const search = { column, k, metric, having: label }
        const { places, distances, rows } = await nearestRows(table, search, memoryBytes / 3)
        const { names, codes } = await labelsIn(table, label)
        const labels = Int32Array.from(places, (place) => codes[place] as number)
        const found = { k, metric, distances, rows, labels, classes: names.length }
        yield* answers(labelVotes(found), { places, names, numRows: table.numRows })
      },
    })(input)
  }
}

/** The labels by number, in the order in which they first come, and the number of each row's; −1 for null. */
async function labelsIn(
  table: StoredTable,
  label: string,
): Promise<{ names: string[]; codes: Int32Array }> {
  const known = new Map<string, number>()
  const codes = new Int32Array(table.numRows).fill(-1)
  let at = 0
  for await (const batch of table.read([label])) {
    const values = batch.getChild(label)
    for (let row = 0; row < batch.numRows; row++, at++) {
      const name = values?.get(row) as string | null
      if (name === null) continue
      if (!known.has(name)) known.set(name, known.size)
      codes[at] = known.get(name) as number
    }
  }
  return { names: [...known.keys()], codes }
}

/** The columns that come out; `places` says which of the rows have votes. */
function* answers(
  { error, suggested, confidence }: LabelVotes,
  {
    places,
    names,
    numRows,
  }: { readonly places: Int32Array; readonly names: readonly string[]; readonly numRows: number },
): Generator<RecordBatch> {
  let at = 0
  for (let from = 0; from < numRows; from += batchRows) {
    const length = Math.min(batchRows, numRows - from)
    const values = fields.map(() => new Array<string | number | null>(length).fill(null))
    for (; at < places.length && (places[at] as number) < from + length; at++) {
      const row = (places[at] as number) - from
      const said = [names[suggested[at] as number], error[at], confidence[at]]
      for (const [i, value] of said.entries())
        if (value !== undefined && !Number.isNaN(value)) (values[i] as unknown[])[row] = value
    }
    yield batchOf(
      fields.map((field, i) => ({ field, vector: vectorFromArray(values[i] ?? [], field.type) })),
    )
  }
}
