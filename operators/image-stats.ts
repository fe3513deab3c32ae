import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { isKind, requireField } from '../src/batch/schema.ts'
import { OptionError, SchemaError } from '../src/errors.ts'
import { isBoxes } from '../src/manifests/boxes.ts'
import {
  columnList,
  didYouMean,
  knownOptions,
  nonEmptyString,
  oneOf,
  trueOrFalse,
} from '../src/options.ts'
import { isSamples } from '../src/pictures/samples.ts'
import { ofFile, type ProfileName, profiles } from '../src/statistics/profiles.ts'
import { statisticFields } from '../src/statistics/statistic-fields.ts'
import type { ImageStatsTaskOptions } from '../src/tasks/image-stats.ts'
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
   * Column of the same pictures, encoded: one with more than 8 bits per sample is measured as it is stored there, since
   * `decode` leaves 8 bits of it. Put it right after `decode`.
   *
   * @default none
   */
  readonly stored?: string
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
   * Whether the statistics of each channel are made too, or names of those that are. `sharpness` of channels is slow: an
   * edge pass for each.
   *
   * @default false
   */
  readonly perChannel?: boolean | readonly string[]
  /**
   * Column of boxes, as `fromCoco`, `fromVoc` and `fromYolo` add it, whose statistics are made too.
   *
   * @default none
   */
  readonly boxes?: string
}

/**
 * Measures pictures: size, moments, entropy, percentiles, histogram, contrast, sharpness, zeros, missing values.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → one for each statistic: Float64, Int32 of whole numbers, `percentiles` a tensor of 5 (Float64),
 *   `histogram` of 256 (Int32). `width`, `height` and `channels` are added only where the input has no such column.
 *   With `perChannel` also `channel_<name>`, a list with a value for each channel; with `boxes` also `box_<name>` and
 *   `box_<name>_ratio` (box by picture), lists with a value for each box.
 * - Samples are scaled to 0..1 by their type; the page `docs/image-statistics.md` has the formulas of each profile.
 * - Nulls: a row without a picture is at fault, one without boxes has no lists of them. Null where there is nothing to
 *   say: of missing values alone, of a box outside the picture.
 * - Faults (`onError`): `MISSING`, `DAMAGED`, and of encoded pictures `EMPTY`, `FORMAT`, `TOO_LARGE` (see `decode`).
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures (add `decode()` before it) or of boxes
 * @see https://github.com/dataeval/dataeval for the statistics of the other profiles
 * @example
 * decoded$.pipe(imageStats({ statistics: ['mean', 'sharpness'] })) // adds `mean`, `sharpness`: 0..1
 */
export function imageStats(
  options: ImageStatsOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const task = taskOptions(options)
  const { column, stored, boxes } = task

  return rowTask({
    name: 'imageStats',
    task: 'image-stats',
    options: task,
    reads: [column, stored, boxes].filter((name) => name !== undefined),
    samples: column,
    makes: statisticFields(task).map(({ name }) => name),
    fields(input) {
      checkPictures(input, column)
      if (stored !== undefined) requireField(input, stored, { owner: 'imageStats', kind: 'binary' })
      if (boxes !== undefined) checkBoxes(input, boxes)
      const there = new Set(input.fields.map(({ name }) => name))
      return statisticFields(task).filter(({ name }) => !ofFile.includes(name) || !there.has(name))
    },
    onError: oneOf('onError', options.onError ?? 'fail', onErrorChoices),
  })
}

function taskOptions(options: ImageStatsOptions): ImageStatsTaskOptions {
  knownOptions('imageStats', options, [
    ...['column', 'stored', 'profile', 'statistics', 'perChannel', 'boxes', 'onError'],
  ])
  const choices = Object.keys(profiles) as ProfileName[]
  const profile = oneOf('profile', options.profile ?? 'default', choices)
  const boxes = options.boxes === undefined ? undefined : nonEmptyString('boxes', options.boxes)
  if (boxes !== undefined && !profiles[profile].cut)
    throw new OptionError(
      `Expected no option \`boxes\` beside profile '${profile}', got \`${boxes}\``,
    )
  const known = namesIn(profile, boxes !== undefined)
  const statistics = statisticNames('statistics', options.statistics, known)
  return {
    column: nonEmptyString('column', options.column ?? 'pixels'),
    stored: options.stored === undefined ? undefined : nonEmptyString('stored', options.stored),
    profile,
    statistics,
    perChannel: channelNames(options.perChannel ?? false, statistics),
    boxes,
  }
}

/** The statistics of a profile; some are of boxes alone. */
function namesIn(profile: ProfileName, withBoxes: boolean): readonly string[] {
  const all = Object.entries(profiles[profile].statistics)
  return all.filter(([, { ofBoxes }]) => withBoxes || !ofBoxes).map(([name]) => name)
}

/** The names asked for, in the order of `known`. */
function statisticNames(
  option: string,
  statistics: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] {
  if (statistics === undefined) return known
  const names = columnList(option, statistics)
  for (const name of names)
    if (!known.includes(name))
      throw new OptionError(
        `Expected option \`${option}\` to name statistics of the profile, got \`${name}\`${didYouMean(name, known)}`,
      )
  return known.filter((name) => names.includes(name))
}

/** Of the names asked for those that channels have. */
function channelNames(
  perChannel: boolean | readonly string[],
  asked: readonly string[],
): readonly string[] {
  if (Array.isArray(perChannel)) return statisticNames('perChannel', perChannel, asked)
  return trueOrFalse('perChannel', perChannel) ? asked : []
}

function checkPictures(input: Schema, column: string): void {
  const field = requireField(input, column, { owner: 'imageStats' })
  if (isKind(field, 'binary') || isSamples(field)) return
  const tensors = 'tensors height × width × channels of uint8, uint16, float32 or float64'
  throw unexpected(field, `pictures (encoded, or ${tensors})`)
}

function checkBoxes(input: Schema, column: string): void {
  const field = requireField(input, column, { owner: 'imageStats' })
  if (!isBoxes(field)) throw unexpected(field, 'boxes (lists of x, y, width, height)')
}

function unexpected({ name, type }: Field, what: string): SchemaError {
  return new SchemaError(
    `Expected column \`${name}\` of imageStats to be ${what}, got ${String(type)}`,
    { column: name },
  )
}
