import { type Answer, type Asked, checksumOf, errorAnswer, without } from './faulty-server.ts'

/** The request with its body as it is meant, without chunks; or the refusal if it does not fit its checksum or its length. */
export function awsChunked(asked: Asked): Asked | Answer {
  const { headers, body } = asked
  const inChunks = /^STREAMING-/.test(String(headers['x-amz-content-sha256'] ?? ''))
  const { bytes, trailer } = inChunks ? unchunked(body) : { bytes: body, trailer: '' }
  const length = headers['x-amz-decoded-content-length']
  if (length !== undefined && Number(length) !== bytes.length)
    return errorAnswer(400, 'IncompleteBody', 'The body does not have the length that was said')
  const behind = /^x-amz-checksum-crc32:\s*(\S+)/im.exec(trailer)?.[1]
  const checksum = headers['x-amz-checksum-crc32'] ?? behind
  // At completion it is that of the object.
  const checked = asked.method === 'PUT' && checksum !== undefined
  if (checked && checksum !== checksumOf(bytes))
    return errorAnswer(400, 'BadDigest', 'The checksum does not fit the body')
  const encoding = (headers['content-encoding'] ?? '')
    .split(/,\s*/)
    .filter((name) => name !== 'aws-chunked' && name !== '')
    .join(',')
  const rest = without(headers, 'content-encoding')
  return {
    ...asked,
    headers: encoding === '' ? rest : { ...rest, 'content-encoding': encoding },
    body: bytes,
  }
}

/** Takes the chunks apart: `size;…`, the bytes, … up to one of size 0, and lines behind. */
function unchunked(body: Buffer): { readonly bytes: Buffer; readonly trailer: string } {
  const pieces: Buffer[] = []
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at)
    const size = parseInt(body.toString('latin1', at, end), 16)
    if (end < 0 || !(size > 0))
      return { bytes: Buffer.concat(pieces), trailer: body.toString('latin1', end + 2) }
    pieces.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
