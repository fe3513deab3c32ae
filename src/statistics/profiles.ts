import { defaultProfile } from './default-profile.ts'
import type { Profile, Statistic } from './profile.ts'

/** The profiles, by name. */
export const profiles = { default: defaultProfile } as const satisfies Readonly<
  Record<string, Profile>
>

/** Name of a profile. */
export type ProfileName = keyof typeof profiles

/** Which statistics are made. */
export interface Wanted {
  /** By whose definitions. */
  readonly profile: ProfileName
  /** Names, in the order of the columns. */
  readonly statistics: readonly string[]
  /** Whether each channel has them too. */
  readonly perChannel: boolean
}

/** A column of statistics, and what is in it. */
export interface StatisticColumn {
  /** Name of the column. */
  readonly name: string
  /** Its definition. */
  readonly statistic: Statistic
}

/** The columns of whole pictures. */
export function pictureColumns({ profile, statistics }: Wanted): readonly StatisticColumn[] {
  const known: Profile['statistics'] = profiles[profile].statistics
  return statistics.map((name) => ({ name, statistic: known[name] as Statistic }))
}

/** The columns that list a value for each channel. */
export function channelColumns(wanted: Wanted): readonly StatisticColumn[] {
  if (!wanted.perChannel) return []
  return pictureColumns(wanted)
    .filter(({ statistic }) => statistic.perChannel)
    .map(({ name, statistic }) => ({ name: `channel_${name}`, statistic }))
}
