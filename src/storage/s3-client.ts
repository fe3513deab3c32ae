import type { S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import { ConnectorError } from '../errors.ts'
import type { StorageSettings } from './storage-options.ts'
import { connectionError, refusedBy, type Tried } from './transport-error.ts'

/** The part of the SDK that is used. */
export type S3 = typeof import('@aws-sdk/client-s3')

/** The SDK with a client for some settings. */
export interface S3Access {
  /** The commands. */
  readonly s3: S3
  /** Sends them. It does not try again itself. */
  readonly client: S3Client
}

const clients = new Map<string, Promise<S3Access>>()

/** The client for `settings`: one each, as it keeps connections. The SDK is loaded by the first. */
export function s3Access(settings: StorageSettings): Promise<S3Access> {
  const key = JSON.stringify(settings)
  const made = clients.get(key) ?? connect(settings)
  clients.set(key, made)
  return made
}

async function connect(settings: StorageSettings): Promise<S3Access> {
  const { endpoint, pathStyle, requestTimeoutMs, anonymous } = settings
  // Its version is pinned: the notice on versions to come is for whoever raises it.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const s3 = await import('@aws-sdk/client-s3')
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env
  const region =
    settings.region ??
    AWS_REGION ??
    AWS_DEFAULT_REGION ??
    // A server of one's own takes any; for AWS the profile may say it.
    (endpoint === undefined ? undefined : 'us-east-1')
  const client = new s3.S3Client({
    maxAttempts: 1,
    followRegionRedirects: true,
    forcePathStyle: pathStyle,
    requestHandler: { connectionTimeout: requestTimeoutMs },
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(anonymous && {
      credentials: { accessKeyId: '', secretAccessKey: '' },
      signer: { sign: (request) => Promise.resolve(request) },
    }),
  })
  return { s3, client }
}

/** What the user can do about an error, by what S3 calls it. */
const advice: Readonly<Record<string, string>> = {
  AccessDenied: 'check that the credentials may do this to this bucket',
  InvalidAccessKeyId: 'check the credentials in use',
  SignatureDoesNotMatch: 'check the secret key and the region',
  ExpiredToken: 'the credentials have expired: renew them and run it again, or resume',
  TokenRefreshRequired: 'renew the credentials and run it again, or resume',
  RequestTimeTooSkewed: 'set the clock of this machine',
  NoSuchBucket: 'there is no such bucket (at this endpoint)',
  NoSuchKey: 'it is not there (any more)',
  NoSuchUpload: 'it was aborted from outside, by a rule of the bucket perhaps: start over',
  NotFound: 'it is not there (any more)',
  PermanentRedirect: 'the bucket lies in another region: set `region`',
  AuthorizationHeaderMalformed: 'the bucket lies in another region: set `region`',
}

/** An error of the SDK as one of ours. */
export function s3Error(cause: unknown, tried: Tried): unknown {
  if (cause instanceof ConnectorError) return cause
  const { name, message, $metadata, $response } = cause as Partial<S3ServiceException> & Error
  if (name === 'CredentialsProviderError' || name === 'CredentialsError')
    return new ConnectorError(
      `Expected credentials to ${tried.what} ${tried.url}, got none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile, or \`anonymous\` for a public bucket`,
      { url: tried.url, retryable: false },
      { cause },
    )
  if (message === 'Region is missing')
    return new ConnectorError(
      `Expected a region to ${tried.what} ${tried.url}, got none: set AWS_REGION or \`region\``,
      { url: tried.url, retryable: false },
      { cause },
    )
  const status = $metadata?.httpStatusCode
  if (status === undefined || status < 300) return broken(cause, tried)
  // The answer to a HEAD has no body, so its error has no name.
  const known = name === 'UnknownError' || name === '403' ? undefined : name
  const reason = [String(status), known, message === name ? undefined : message]
  const { 'retry-after': retryAfter } = $response?.headers ?? {}
  return refusedBy(
    {
      status: name === 'SlowDown' || name === 'RequestTimeout' ? 503 : status,
      reason: reason.filter((each) => each !== undefined && each !== 'UnknownError').join(' '),
      advice: advice[name] ?? (status === 403 ? advice.AccessDenied : undefined),
      retryAfter,
    },
    tried,
    cause,
  )
}

/** An answer that broke off, does not parse, or does not fit its checksum. */
function broken(cause: unknown, tried: Tried): unknown {
  const error = connectionError(cause, tried)
  if (error !== cause) return error
  const { message, name } = cause as Error
  if (name === 'AbortError') return cause
  const damaged = /checksum|aborted|socket hang up|deserializ|unexpected end|char '/i.test(message)
  if (!damaged) return cause
  return new ConnectorError(
    `Expected to ${tried.what} ${tried.url}, got a damaged answer (${message})`,
    { url: tried.url, retryable: true },
    { cause },
  )
}
