import { OptionError } from '../errors.ts'
import { knownOptions, nonEmptyString, positiveInteger, trueOrFalse } from '../options.ts'

/**
 * How buckets and URLs are reached. Credentials are not among it: they come from the usual chain of the AWS SDK
 * (environment, profile, web identity, instance).
 */
export interface StorageOptions {
  /**
   * Address of an S3 server, `http://127.0.0.1:9000`.
   *
   * @default the environment's `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, else that of AWS
   */
  readonly endpoint?: string
  /**
   * Region of the buckets.
   *
   * @default the environment's or the profile's, else `us-east-1`
   */
  readonly region?: string
  /**
   * Whether the bucket is part of the path, and not of the host name.
   *
   * @default true where there is an endpoint
   */
  readonly pathStyle?: boolean
  /**
   * Whether requests go without credentials, to a public bucket.
   *
   * @default false
   */
  readonly anonymous?: boolean
  /**
   * How long an answer, or its next bytes, may take before a request is tried again.
   *
   * @default 30_000
   */
  readonly requestTimeoutMs?: number
  /**
   * How long a request is tried again, from its first try on.
   *
   * @default 60_000
   */
  readonly deadlineMs?: number
}

/** Checked options, with their defaults; an endpoint or a region that nobody set is undefined. */
export type StorageSettings = {
  readonly [K in keyof StorageOptions]-?:
    Required<StorageOptions>[K] | (K extends 'endpoint' | 'region' ? undefined : never)
}

const known = ['endpoint', 'region', 'pathStyle', 'anonymous', 'requestTimeoutMs', 'deadlineMs']

let defaults: StorageOptions = {}

/** Has all sources and sinks of this process use `options`, as far as theirs say nothing: for a command line. */
export function setStorageDefaults(options: StorageOptions): void {
  storageSettings(options)
  defaults = options
}

/**
 * The settings for `options`, and the environment as far as they say nothing.
 *
 * @throws {OptionError} if one is unknown, out of range, or the endpoint is not an HTTP URL
 */
export function storageSettings(given: StorageOptions = {}): StorageSettings {
  knownOptions('storage', given, known)
  const options = { ...defaults, ...given }
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env
  // A variable that is set to nothing is as good as unset.
  const endpoint = options.endpoint ?? (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined)
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(nonEmptyString('endpoint', endpoint)))
    throw new OptionError(`Expected option \`endpoint\` to be an HTTP URL, got \`${endpoint}\``)
  return {
    endpoint,
    region: options.region === undefined ? undefined : nonEmptyString('region', options.region),
    pathStyle: trueOrFalse('pathStyle', options.pathStyle ?? endpoint !== undefined),
    anonymous: trueOrFalse('anonymous', options.anonymous ?? false),
    requestTimeoutMs: positiveInteger('requestTimeoutMs', options.requestTimeoutMs ?? 30_000),
    deadlineMs: positiveInteger('deadlineMs', options.deadlineMs ?? 60_000),
  }
}
