import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** s3rver, a server without types: what the tests use of it. */
type S3rver = new (options: {
  readonly address: string
  readonly port: number
  readonly silent: boolean
  readonly allowMismatchedSignatures: boolean
  readonly directory: string
  readonly configureBuckets: readonly { readonly name: string }[]
}) => { run(): Promise<{ readonly port: number }>; close(): Promise<void> }

const S3rver = createRequire(import.meta.url)('@20minutes/s3rver') as S3rver

/** An S3 server of this process. */
export interface S3Server {
  /** Its address. */
  readonly endpoint: string
  /** Where the objects lie, `<bucket>/<key>._S3rver_object` with `…_object.md5` beside it. */
  readonly folder: string
  /** Stops it and removes its folder. */
  close(): Promise<void>
}

/** The only account that the server knows. */
export const s3Account = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } as const

/**
 * Starts s3rver 4.0.4 on 127.0.0.1 with `buckets`, in a temporary folder. It reads and writes objects and
 * assembles uploads. What it does not do, found by trying:
 *
 * - Signatures of listings are miscalculated, so they are not checked; the account has to be {@link s3Account}.
 * - Conditions of a put or a completion, and `If-Match` of a read, are not looked at.
 * - A listing that is longer than a page fails: its token is made by DES, which OpenSSL 3 does not have. Keys
 *   come in the order of a walk through folders, `a/b` before `a-b`.
 * - An upload cannot be aborted or listed; parts may be of any size; a part that is missing at completion ends
 *   the process.
 * - The range `bytes=0-0` gives the whole object, `bytes=-n` its beginning, and a range of an empty object hangs.
 * - Checksums are neither checked nor kept, and a body in chunks with a checksum behind them (what the SDK sends
 *   for a stream) is refused.
 * - A put that is cut off leaves a cut object under its key.
 * - Keys with `//` or `..`, or with more than 231 bytes between slashes.
 *
 * `startS3` in s3-proxy.ts makes up for all but the last.
 */
export async function startS3Server(buckets: readonly string[]): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 's3-'))
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    allowMismatchedSignatures: true,
    directory: folder,
    configureBuckets: buckets.map((name) => ({ name })),
  })
  const { port } = await server.run()
  return {
    endpoint: `http://127.0.0.1:${String(port)}`,
    folder,
    async close() {
      await server.close()
      await rm(folder, { recursive: true })
    },
  }
}
