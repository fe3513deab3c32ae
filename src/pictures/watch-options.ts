import { OptionError } from '../errors.ts'
import { knownOptions, positiveInteger, wholeNumber } from '../options.ts'

/** How a folder or a bucket is watched. */
export interface WatchOptions {
  /**
   * How long a file has to stay as it is before it is read.
   *
   * @default 2000
   */
  readonly settleMs?: number
  /**
   * How long to wait until all is listed again; for folders of this machine that is done only if it is set, as for
   * a network file system, which tells nobody of its changes.
   *
   * @default 60_000 for buckets, else the system tells
   */
  readonly pollMs?: number
  /**
   * How long to wait at most until all is listed again where the system tells, which does not tell of every file.
   * After a folder has come it is done after a second, then after twice as long each time, and for no more than a
   * twentieth of the time; 200,000 files take 0.7 s.
   *
   * @default 600_000
   */
  readonly relistMs?: number
}

/** Checked options. */
export type WatchSettings = Required<Pick<WatchOptions, 'settleMs' | 'relistMs'>> & {
  /** See {@link WatchOptions}. */
  readonly pollMs: number | undefined
}

/** The settings for `watch`: whether, and how. */
export function watchSettings(
  watch: boolean | WatchOptions | undefined,
): WatchSettings | undefined {
  if (watch === undefined || watch === false) return undefined
  const options = watch === true ? {} : watch
  if (typeof options !== 'object')
    throw new OptionError(
      `Expected option \`watch\` to be true, false or an object, got ${typeof watch}`,
    )
  knownOptions('watch', options, ['settleMs', 'pollMs', 'relistMs'])
  return {
    settleMs: wholeNumber('settleMs', options.settleMs ?? 2000),
    pollMs: options.pollMs === undefined ? undefined : positiveInteger('pollMs', options.pollMs),
    relistMs: positiveInteger('relistMs', options.relistMs ?? 600_000),
  }
}
