import { fileURLToPath } from 'node:url'
import { OptionError } from '../errors.ts'
import { nonEmptyString } from '../options.ts'
import { withoutSecrets } from '../secrets.ts'

/** Where something is stored: a path of this machine, a URL, or a key (or prefix) of a bucket. */
export type Location =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }

/**
 * Reads a location as users write it: a path, `file:`, `http(s)://…` or `s3://bucket/key`.
 *
 * @throws {OptionError} if it has another scheme, or no bucket
 */
export function parseLocation(name: string, value: unknown): Location {
  const text = nonEmptyString(name, value)
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(text) ?? []
  switch (scheme?.toLowerCase()) {
    case undefined:
      return { kind: 'file', path: text }
    case 'file':
      return { kind: 'file', path: fileURLToPath(text) }
    case 'http':
    case 'https':
      if (URL.canParse(text)) return { kind: 'http', url: text }
      break
    case 's3': {
      const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(text) ?? []
      if (/^[\w.-]+$/.test(bucket)) return { kind: 's3', bucket, key }
    }
  }
  throw new OptionError(
    `Expected option \`${name}\` to be a path, an http(s):// URL or s3://bucket/key, got \`${withoutSecrets(text)}\``,
  )
}

/** Returns `value` if {@link parseLocation} can read it. */
export function storedLocation(name: string, value: unknown): string {
  parseLocation(name, value)
  return value as string
}

/**
 * Returns `value` if it is where files can be written: a path, or `s3://bucket/key`.
 *
 * @throws {OptionError} if it is something else
 */
export function outputLocation(name: string, value: unknown): string {
  const location = parseLocation(name, value)
  if (location.kind === 'file' || (location.kind === 's3' && location.key !== ''))
    return value as string
  throw new OptionError(
    `Expected option \`${name}\` to be a path or s3://bucket/key, got \`${withoutSecrets(String(value))}\``,
  )
}
