import type { Field, RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { isKind, requireField } from '../src/batch/schema.ts'
import { OptionError, SchemaError } from '../src/errors.ts'
import {
  didYouMean,
  columnList,
  knownOptions,
  nonEmptyString,
  oneOf,
  trueOrFalse,
} from '../src/options.ts'
import { isSamples } from '../src/pictures/samples.ts'
import { statisticField, statisticsField } from '../src/statistics/statistic-fields.ts'
import {
  channelColumns,
  pictureColumns,
  type ProfileName,
  profiles,
} from '../src/statistics/profiles.ts'
import { type ImageStatsTaskOptions, ofFile } from '../src/tasks/image-stats.ts'
import type { PictureTaskOptions } from '../src/tasks/picture-task.ts'
import { onErrorChoices, rowTask } from '../src/tasks/row-tasks.ts'

/** Options of {@link imageStats}. */
export interface ImageStatsOptions extends PictureTaskOptions {
  /**
   * Column of pictures: decoded ones, tensors height × width (× channels) of uint8, uint16, float32 or float64, or
   * encoded ones, of which every channel is decoded as it is stored, with 8 or 16 bits or as floats.
   *
   * @default 'pixels'
   */
  readonly column?: string
  /**
   * Whose definitions the statistics follow.
   *
   * @default 'default'
   */
  readonly profile?: ProfileName
  /**
   * Names of the statistics. Fewer of them cost less.
   *
   * @default all that the profile has
   */
  readonly statistics?: readonly string[]
  /**
   * Whether the statistics of each channel are made too.
   *
   * @default false
   */
  readonly perChannel?: boolean
}

/**
 * Measures pictures: size, moments, entropy, percentiles, histogram, contrast, sharpness, zeros, missing values.
 *
 * - Rows: n to n; order kept.
 * - Columns: `pixels` → one for each statistic: Float64, Int32 of whole numbers, `percentiles` a tensor of 5 (Float64),
 *   `histogram` of 256 (Int32). With `perChannel` also `channel_<name>`, a list with a value for each channel.
 *   `width`, `height` and `channels` are added only where the input has no such column.
 * - Samples are scaled to 0..1 by their type; the page `docs/image-statistics.md` has the formulas.
 * - Nulls: a row without a picture is at fault; null where there is nothing to say.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @see https://github.com/dataeval/dataeval for the statistics of the other profiles
 * @example
 * decoded$.pipe(imageStats({ statistics: ['mean', 'sharpness'] })) // adds `mean`, `sharpness`: 0..1
 */
export function imageStats(
  options: ImageStatsOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('imageStats', options, [
    ...['column', 'profile', 'statistics', 'perChannel', 'onError'],
  ])
  const column = nonEmptyString('column', options.column ?? 'pixels')
  const profile = oneOf(
    'profile',
    options.profile ?? 'default',
    Object.keys(profiles) as ProfileName[],
  )
  const wanted = {
    profile,
    statistics: namesIn(options.statistics, Object.keys(profiles[profile].statistics)),
    perChannel: trueOrFalse('perChannel', options.perChannel ?? false),
  }
  const [ofPicture, ofChannels] = [pictureColumns(wanted), channelColumns(wanted)]

  return rowTask({
    name: 'imageStats',
    task: 'image-stats',
    options: { column, ...wanted } satisfies ImageStatsTaskOptions,
    reads: [column],
    samples: column,
    makes: [...ofPicture, ...ofChannels].map(({ name }) => name),
    fields(input) {
      checkPictures(requireField(input, column, { owner: 'imageStats' }))
      const there = new Set(input.fields.map(({ name }) => name))
      const added = ofPicture.filter(({ name }) => !ofFile.includes(name) || !there.has(name))
      return [
        ...added.map(({ name, statistic }) => statisticField(name, statistic)),
        ...ofChannels.map(({ name, statistic }) => statisticsField(name, statistic)),
      ]
    },
    onError: oneOf('onError', options.onError ?? 'fail', onErrorChoices),
  })
}

function checkPictures(field: Field): void {
  if (isKind(field, 'binary') || isSamples(field)) return
  throw new SchemaError(
    `Expected column \`${field.name}\` of imageStats to be pictures (encoded, or tensors height × width × channels of uint8, uint16, float32 or float64), got ${String(field.type)}`,
    { column: field.name },
  )
}

/** The names asked for, in the order of `known`. */
function namesIn(
  statistics: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] {
  if (statistics === undefined) return known
  const names = columnList('statistics', statistics)
  for (const name of names) {
    if (known.includes(name)) continue
    throw new OptionError(
      `Expected option \`statistics\` to name statistics of the profile, got \`${name}\`${didYouMean(name, known)}`,
    )
  }
  return known.filter((name) => names.includes(name))
}
