import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { Reservoir, type ReservoirState } from '../src/batch/reservoir.ts'
import {
  categoriesIn,
  chosenColumns,
  type DriftColumns,
  namesIn,
  numbersIn,
  requireColumns,
} from '../src/drift/drift-columns.ts'
import { SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import type { Metric } from '../src/kernels/distance.ts'
import { saveAtEnd } from '../src/learn/save-at-end.ts'
import {
  type DriftReference,
  driftReferenceState,
  referenceEmbedding,
} from '../src/models/drift-reference.ts'
import { presentRows } from '../src/neighbors/neighbor-search.ts'
import {
  columnList,
  knownOptions,
  localPath,
  nonEmptyString,
  oneOf,
  positiveInteger,
  wholeNumber,
} from '../src/options.ts'

/** Options of {@link driftReference}. */
export interface DriftReferenceOptions {
  /** Folder that the reference is saved to; a model that is there is replaced, nothing else. */
  readonly save: string
  /**
   * Columns of numbers; an empty list for none.
   *
   * @default all that there are
   */
  readonly columns?: readonly string[]
  /**
   * Columns of text whose values are categories; an empty list for none.
   *
   * @default ['label'], if it is there
   */
  readonly categories?: readonly string[]
  /**
   * Column of embeddings.
   *
   * @default 'embedding', if it is there
   */
  readonly embedding?: string
  /**
   * Rows that are kept, drawn at random where there are more.
   *
   * @default 5_000
   */
  readonly rows?: number
  /**
   * Of the reference, how many of the nearest say how far from it an embedding is.
   *
   * @default 10
   */
  readonly k?: number
  /**
   * How far apart two embeddings are: 1 − cos, or the length of their difference.
   *
   * @default 'cosine'
   */
  readonly metric?: Metric
  /**
   * Seed of the draw.
   *
   * @default that of the run
   */
  readonly seed?: number
}

const names = ['save', 'columns', 'categories', 'embedding', 'rows', 'k', 'metric', 'seed'] as const

/**
 * Learns what `drift` and `driftSummary` compare later rows with: a sample of the rows, and how far its embeddings are from each other.
 *
 * - Rows: n to n, as they come; the reference is saved when all are through, unless there were none.
 * - Columns: unchanged. Numbers that are null or not finite are left out; a null category is one of its own.
 * - State: up to twice `rows` rows of the columns compared. It is the state at a barrier. At the end each embedding is held against all.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if a named column is missing or of another kind, or there is none to compare by
 * @throws {DataError} on the stream, if a value of an embedding is not finite
 * @example
 * train$.pipe(driftReference({ save: 'models/reference' }))
 */
export function driftReference(
  options: DriftReferenceOptions,
): MonoTypeOperatorFunction<RecordBatch> {
  const checked = checkedOptions(options)
  const { save, rows, named } = checked

  function columnsIn(schema: Schema): DriftColumns {
    const columns = chosenColumns(schema, named)
    requireColumns(schema, columns, { owner: 'driftReference' })
    if (namesIn(columns).length === 0)
      throw new SchemaError(
        `Expected numbers, \`label\` or \`embedding\` for driftReference to compare by, got columns ${schema.names.join(', ')}: name others in \`categories\` or \`embedding\``,
        { column: 'embedding' },
      )
    return columns
  }

  return operate<RecordBatch, RecordBatch>({
    name: 'driftReference',
    reads: [named.embedding ?? 'embedding'],
    learns: true,
    saves: save,
    holds: `up to twice the ${String(rows)} rows that it draws, of the columns compared`,
    settings: { ...named, save, rows, k: checked.k, metric: checked.metric },
    schema(input) {
      columnsIn(input)
      return input
    },
    start({ run }) {
      const seed = checked.seed ?? run?.seed ?? 0
      const sample = new Reservoir({ rows, per: undefined, maxGroups: 1, seed })
      return {
        *next(batch) {
          sample.add(select(batch, [...new Set(['id', ...namesIn(columnsIn(batch.schema))])]))
          yield batch
        },
        async *flush() {
          const drawn = sample.drawn()
          if (!drawn) return
          const { seen } = sample.save()
          const reference = await learnt(drawn, columnsIn(drawn.schema), { ...checked, seen })
          await saveAtEnd(save, driftReferenceState(reference), run)
          yield* []
        },
        snapshot: () => sample.save(),
        restore: (state) => {
          sample.restore(state as ReservoirState)
        },
      }
    },
  })
}

function checkedOptions(options: DriftReferenceOptions) {
  knownOptions('driftReference', options, names)
  const { columns, categories, embedding } = options
  const named: Partial<DriftColumns> = {
    ...(columns && { numbers: columnsOrNone('columns', columns) }),
    ...(categories && { categories: columnsOrNone('categories', categories) }),
    ...(embedding !== undefined && { embedding: nonEmptyString('embedding', embedding) }),
  }
  return {
    named,
    save: localPath('save', options.save),
    rows: positiveInteger('rows', options.rows ?? 5_000),
    k: positiveInteger('k', options.k ?? 10),
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean']),
    seed: options.seed === undefined ? undefined : wholeNumber('seed', options.seed),
  }
}

function columnsOrNone(name: string, given: readonly string[]): readonly string[] {
  return Array.isArray(given) && given.length === 0 ? [] : columnList(name, given)
}

async function learnt(
  rows: RecordBatch,
  { numbers, categories, embedding }: DriftColumns,
  { k, metric, seen }: { readonly k: number; readonly metric: Metric; readonly seen: number },
): Promise<DriftReference> {
  const about = embedding === undefined ? undefined : presentRows(rows, embedding, 0)
  return {
    rowsSeen: seen,
    numbers: new Map(numbers.map((name) => [name, numbersIn(rows, name)])),
    categories: new Map(categories.map((name) => [name, categoriesIn(rows, name)])),
    embedding:
      embedding !== undefined && about
        ? await referenceEmbedding(embedding, { k, metric, reference: about.matrix })
        : undefined,
  }
}
