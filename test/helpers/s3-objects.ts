import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What ends the name of an object's file in the server's folder. */
const ending = '._S3rver_object'

/** An object, and the file of the server that holds it. */
export interface StoredObject {
  readonly key: string
  readonly path: string
}

/** The file of the server in which an object lies, if it is there. */
export function objectFile(folder: string, bucket: string, key: string): string {
  return join(folder, bucket, `${key}${ending}`)
}

/** The tag of an object, in quotes; undefined if there is none. */
export async function objectTag(path: string): Promise<string | undefined> {
  return existsSync(path) ? `"${await readFile(`${path}.md5`, 'utf8')}"` : undefined
}

/** A page of a listing. */
export interface Listing {
  readonly prefix: string
  readonly delimiter: string
  /** The key after which it begins. */
  readonly after: string
  readonly maxKeys: number
  /** Whether keys are to be encoded. */
  readonly encoded: boolean
}

/** A bucket's listing, in the order of the keys' bytes, as ListObjectsV2 tells it. */
export async function listing(bucket: string, path: string, page: Listing): Promise<string> {
  const { prefix, delimiter, after, maxKeys, encoded } = page
  const said = encoded ? encodeURIComponent : escaped
  const found = await objects(path)
  const entries: string[] = []
  let last = ''
  let isTruncated = false
  for (const { key, path } of found) {
    if (!key.startsWith(prefix) || compare(key, after) <= 0) continue
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const shared = end < 0 ? undefined : key.slice(0, end + delimiter.length)
    if (shared !== undefined && (shared === last || after.startsWith(shared))) continue
    isTruncated = entries.length === maxKeys
    if (isTruncated) break
    last = shared ?? key
    entries.push(
      shared === undefined
        ? await contents(key, path, said)
        : `<CommonPrefixes><Prefix>${said(shared)}</Prefix></CommonPrefixes>`,
    )
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name>`,
    `<Prefix>${said(prefix)}</Prefix><KeyCount>${String(entries.length)}</KeyCount>`,
    `<MaxKeys>${String(maxKeys)}</MaxKeys><IsTruncated>${String(isTruncated)}</IsTruncated>`,
    encoded ? '<EncodingType>url</EncodingType>' : '',
    isTruncated
      ? `<NextContinuationToken>${Buffer.from(last).toString('base64url')}</NextContinuationToken>`
      : '',
    ...entries,
    '</ListBucketResult>',
  ].join('')
}

async function contents(key: string, path: string, said: (text: string) => string) {
  const { size, mtime } = await stat(path)
  const tag = escaped((await objectTag(path)) ?? '')
  return `<Contents><Key>${said(key)}</Key><LastModified>${mtime.toISOString()}</LastModified><ETag>${tag}</ETag><Size>${String(size)}</Size><StorageClass>STANDARD</StorageClass></Contents>`
}

async function objects(path: string): Promise<readonly StoredObject[]> {
  const names = await readdir(path, { recursive: true })
  return names
    .filter((name) => name.endsWith(ending) && !name.startsWith('._S3rver_uploads'))
    .map((name) => ({ key: name.slice(0, -ending.length), path: join(path, name) }))
    .sort((a, b) => compare(a.key, b.key))
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function escaped(text: string): string {
  // What XML 1.0 has no way to tell is told as it is told by S3, which clients that ask for no encoding cannot read.
  return text.replace(/[&<>"\r\n\t]/g, (char) => `&#${String(char.charCodeAt(0))};`)
}
