import { dataeval065 } from './dataeval-065.ts'
import { dataeval073 } from './dataeval-073.ts'
import { dataeval1 } from './dataeval-1.ts'
import { defaultProfile } from './default-profile.ts'
import type { Profile, Statistic } from './profile.ts'

/** Statistics that describe the file where `decode` or a dataset has said them already. */
export const ofFile: readonly string[] = ['width', 'height', 'channels']

/** The profiles, by name. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  default: defaultProfile,
  'dataeval-0.65': dataeval065,
  'dataeval-0.73': dataeval073,
  'dataeval-1': dataeval1,
}

/** Name of a profile. */
export type ProfileName = 'default' | 'dataeval-0.65' | 'dataeval-0.73' | 'dataeval-1'

/** Which statistics are made. */
export interface Wanted {
  /** By whose definitions. */
  readonly profile: ProfileName
  /** Names, in the order of the columns. */
  readonly statistics: readonly string[]
  /** Names of those that each channel has too. */
  readonly perChannel: readonly string[]
  /** Column of the boxes that have them too. */
  readonly boxes: string | undefined
}

/** A column of statistics, and what is in it. */
export interface StatisticColumn {
  /** Name of the column. */
  readonly name: string
  /** Its definition. */
  readonly statistic: Statistic
}

/** The columns of whole pictures. */
export function pictureColumns(wanted: Wanted): readonly StatisticColumn[] {
  return allColumns(wanted).filter(({ statistic }) => !statistic.ofBoxes)
}

/** The columns that list a value for each channel. */
export function channelColumns(wanted: Wanted): readonly StatisticColumn[] {
  const each = allColumns(wanted).filter(
    ({ name, statistic }) => statistic.perChannel && wanted.perChannel.includes(name),
  )
  return each.map(({ name, statistic }) => ({ name: `channel_${name}`, statistic }))
}

/** The columns that list a value for each box. */
export function boxColumns(wanted: Wanted): readonly StatisticColumn[] {
  if (wanted.boxes === undefined) return []
  return allColumns(wanted).map(({ name, statistic }) => ({ name: `box_${name}`, statistic }))
}

/** The columns that list for each box what it has by what its picture has. */
export function ratioColumns(wanted: Wanted): readonly RatioColumn[] {
  return boxColumns(wanted).flatMap(({ name, statistic: { ratio } }) =>
    ratio ? [{ name: `${name}_ratio`, ratio }] : [],
  )
}

/** A column of ratios, and what is in it. */
export interface RatioColumn {
  /** Name of the column. */
  readonly name: string
  /** Its definition. */
  readonly ratio: NonNullable<Statistic['ratio']>
}

function allColumns({ profile, statistics }: Wanted): readonly StatisticColumn[] {
  const known = profiles[profile].statistics
  return statistics.map((name) => ({ name, statistic: known[name] as Statistic }))
}
