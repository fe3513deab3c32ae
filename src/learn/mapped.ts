import type { DataType, Field, FixedSizeList, RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { fixedShapeTensor } from '../batch/tensor.ts'
import { SchemaError } from '../errors.ts'
import type { LayoutProgress } from '../models/layout.ts'
import { SampleMap, type TsneMapOptions, type UmapMapOptions } from '../models/sample-map.ts'
import { nonEmptyString } from '../options.ts'
import { learned, learnedOptionNames, type LearnedOptions } from './learned.ts'

/** Options of an operator that maps rows by a sample. */
export interface MappedOptions extends LearnedOptions<SampleMap> {
  /**
   * The tensor column that is mapped.
   *
   * @default 'embedding'
   */
  readonly column?: string
  /**
   * The column of points that is added.
   *
   * @default the operator's name
   */
  readonly into?: string
  /**
   * Coordinates of a point.
   *
   * @default 2
   */
  readonly dimensions?: number
  /**
   * How far apart rows are; `cosine` is Euclidean of the rows brought to length 1.
   *
   * @default 'euclidean'
   */
  readonly metric?: 'euclidean' | 'cosine'
  /** Called about five times a second while the sample is laid out. */
  readonly onProgress?: (progress: LayoutProgress) => void
}

/** Names of the {@link MappedOptions}. */
export const mappedOptionNames = [
  ...['column', 'into', 'dimensions', 'metric', 'onProgress'],
  ...learnedOptionNames,
] as const

/** The most that a sample may take; twice of it is held. */
const sampleBytes = 2 ** 29

/** What a method is given besides the options that all have. */
export type MethodOptions = Omit<UmapMapOptions, Common> | Omit<TsneMapOptions, Common>
type Common = 'dimensions' | 'metric' | 'seed'

/**
 * Makes the operator of a {@link SampleMap}, checking its options.
 *
 * @throws {OptionError} at the call, if an option is out of range
 */
export function mapped(
  options: MappedOptions,
  own: MethodOptions,
): MonoTypeOperatorFunction<RecordBatch> {
  const name = own.method
  const column = nonEmptyString('column', options.column ?? 'embedding')
  const into = nonEmptyString('into', options.into ?? name)
  const { dimensions = 2, metric = 'euclidean', onProgress } = options
  function make(seed: number, signal?: AbortSignal): SampleMap {
    return new SampleMap({ ...own, dimensions, metric, seed }, { signal, onProgress })
  }
  // Checks the options of the map here, where they are given.
  make(options.seed ?? 0)

  function fields(input: Field<FixedSizeList>, model: SampleMap | undefined): Field[] {
    const { listSize, valueType } = input.type as FixedSizeList<DataType>
    if (model) return [fixedShapeTensor(into, [model.dimensions], valueType)]
    const most = Math.floor(sampleBytes / (8 * own.sampleRows))
    if (listSize >= dimensions && listSize <= most)
      return [fixedShapeTensor(into, [dimensions], valueType)]
    throw new SchemaError(
      `Expected column \`${column}\` of ${name} to have ${String(dimensions)} to ${String(most)} values for a sample of ${String(own.sampleRows)} rows, got ${String(listSize)}${listSize > most ? '; reduce it with `pca` first, or lower `sampleRows`' : ''}`,
      { column },
    )
  }

  return learned<SampleMap>(
    {
      ...{ name, column, into, kind: name },
      make: ({ seed, signal }) => make(seed, signal),
      fromState: (state) => SampleMap.fromState(state, name),
      width: (model) => model.columns,
      fields,
      score: async (model, rows) => [(await model.apply(rows)).values],
      rowByRow: true,
      settings: { column, into, dimensions, metric, ...own },
    },
    options,
  )
}
