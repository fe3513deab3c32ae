import { createHash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, type Asked, errorAnswer } from './faulty-server.ts'

/** Bytes that every part but the last has at least. */
const leastBytes = 5 * 2 ** 20

/** An upload in parts, as the ledger has it. */
export interface Upload {
  readonly id: string
  readonly bucket: string
  readonly key: string
  /** When it was created. */
  readonly began: Date
  state: 'open' | 'completed' | 'aborted'
  readonly parts: Map<number, { readonly tag: string; readonly bytes: number }>
}

/** Keeps the books of uploads, and refuses what S3 refuses and the server behind does not. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>()

  /** Every upload there was. */
  get all(): readonly Upload[] {
    return [...this.#uploads.values()]
  }

  /** Enters the upload that the server has begun. */
  created(bucket: string, key: string, answer: Answer): Answer {
    const id = /<UploadId>(.*?)<\/UploadId>/.exec(String(answer.body))?.[1]
    if (id !== undefined)
      this.#uploads.set(id, { id, bucket, key, began: new Date(), state: 'open', parts: new Map() })
    return answer
  }

  /** The open upload that is asked for, or the refusal. */
  find(asked: Asked): Upload | Answer {
    const upload = this.#uploads.get(asked.url.searchParams.get('uploadId') ?? '')
    if (upload?.state === 'open' && upload.key === asked.key) return upload
    return errorAnswer(404, 'NoSuchUpload', 'The specified upload does not exist')
  }

  /** Enters a part that the server has taken. */
  stored(upload: Upload, { url, body }: Asked, answer: Answer): void {
    const tag = answer.headers?.['etag'] ?? ''
    const number = Number(url.searchParams.get('partNumber'))
    if (answer.status === 200) upload.parts.set(number, { tag, bytes: body.length })
  }

  /** Why the parts named in the request do not make an object. */
  refusal({ parts }: Upload, { body }: Asked): Answer | undefined {
    const named = [...String(body).matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      tag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll(/&quot;|&#34;|"/g, ''),
    }))
    if (named.length === 0) return errorAnswer(400, 'MalformedXML', 'There are no parts')
    for (const [i, { number, tag }] of named.entries()) {
      if (i > 0 && number <= (named[i - 1]?.number ?? 0))
        return errorAnswer(400, 'InvalidPartOrder', 'The parts are not in ascending order')
      const part = parts.get(number)
      if (part?.tag !== `"${tag}"`)
        return errorAnswer(400, 'InvalidPart', `Part ${String(number)} could not be found`)
      if (i < named.length - 1 && part.bytes < leastBytes)
        return errorAnswer(400, 'EntityTooSmall', `Part ${String(number)} is too small`)
    }
    return undefined
  }

  /** Enters that the object is there, under the tag that S3 would give it. */
  async completed(upload: Upload, path: string): Promise<string> {
    const digests = [...upload.parts]
      .sort(([a], [b]) => a - b)
      .map(([, { tag }]) => tag.slice(1, -1))
    const digest = createHash('md5')
      .update(Buffer.from(digests.join(''), 'hex'))
      .digest('hex')
    const tag = `${digest}-${String(digests.length)}`
    await writeFile(`${path}.md5`, tag)
    upload.state = 'completed'
    return `"${tag}"`
  }

  /** Removes the parts. */
  async aborted(upload: Upload, folder: string): Promise<Answer> {
    upload.state = 'aborted'
    await rm(join(folder, upload.bucket, '._S3rver_uploads', upload.id), { recursive: true })
    return { status: 204 }
  }

  /** The open uploads of keys with the prefix. */
  listed(bucket: string, prefix: string): Answer {
    const open = this.all.filter(
      (upload) =>
        upload.state === 'open' && upload.bucket === bucket && upload.key.startsWith(prefix),
    )
    const uploads = open.map(
      ({ id, key, began }) =>
        // S3 tells the second.
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${began.toISOString().replace(/\.\d+/, '')}</Initiated></Upload>`,
    )
    const result = `<Bucket>${bucket}</Bucket><IsTruncated>false</IsTruncated>${uploads.join('')}`
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<ListMultipartUploadsResult>${result}</ListMultipartUploadsResult>`
    return { status: 200, headers: { 'content-type': 'application/xml' }, body }
  }

  /** The parts that have come. */
  listedParts({ bucket, key, id, parts }: Upload): Answer {
    const each = [...parts].sort(([a], [b]) => a - b)
    const told = each.map(
      ([number, { tag, bytes }]) =>
        `<Part><PartNumber>${String(number)}</PartNumber><ETag>${tag.replaceAll('"', '&quot;')}</ETag><Size>${String(bytes)}</Size></Part>`,
    )
    const result = `<Bucket>${bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId><IsTruncated>false</IsTruncated>${told.join('')}`
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<ListPartsResult>${result}</ListPartsResult>`
    return { status: 200, headers: { 'content-type': 'application/xml' }, body }
  }
}
