import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { Random } from '../../src/kernels/random.ts'

/** What can go wrong with a request. */
export type Fault =
  /** 500 InternalError. */
  | 'internal error'
  /** 503 SlowDown. */
  | 'slow down'
  /** 400 ExpiredToken. */
  | 'expired token'
  /** 403 AccessDenied. */
  | 'access denied'
  /** 404, whatever is there: it was deleted after it was listed. */
  | 'not found'
  /** 301 to another region, which the SDK does not follow by itself. */
  | 'wrong region'
  /** The connection is reset and nothing is done. */
  | 'reset'
  /** Nothing is done, and nothing ever comes. */
  | 'silence'
  /** What was asked for is done, and the connection reset instead of an answer. */
  | 'answer lost'
  /** Nothing comes, and what was asked for is done when it is released. */
  | 'held'
  /** The connection is reset when half of the body has come. */
  | 'reset amid body'
  /** The connection ends when half of the body has come. */
  | 'cut'
  /** Half of the body comes, without its length, and then the end of the connection, as if it were all. */
  | 'cut without length'
  /** Half of the body comes, and then nothing. */
  | 'stalled'
  /** The body does not fit the `x-amz-checksum-crc32` with it. */
  | 'wrong checksum'
  /** The range is not looked at: 200 with all. */
  | 'whole'
  /** A listing that says that it goes on, and not from where. */
  | 'no token'
  /** Someone has put something else there just before, of the same length. */
  | 'changed'

/** Which requests go wrong, and how. */
export interface Rule {
  readonly fault: Fault
  /** Method, or what S3 calls it: `GET`, `UploadPart`. */
  readonly of?: string
  readonly key?: RegExp
  /**
   * How many of these requests go well before.
   *
   * @default 0
   */
  readonly after?: number
  /**
   * How many go wrong, from then on.
   *
   * @default Infinity
   */
  readonly times?: number
  /**
   * How probable it is that one of them goes wrong, by a generator with this seed.
   *
   * @default 1
   */
  readonly probability?: { readonly of: number; readonly seed: number }
}

/** A request. */
export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** What S3 calls it; else the method. */
  readonly operation: string
  readonly key: string
}

/** What is answered. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** A server without faults. */
export interface Service {
  /** Names what is asked for. */
  name(request: Pick<Asked, 'method' | 'url'>): Pick<Asked, 'operation' | 'key'>
  answer(asked: Asked): Promise<Answer>
  /** Puts something else, of the same length, in the place of what is asked for. */
  change(asked: Asked): Promise<void>
}

/** A request, and what came of it. */
export interface Served extends Omit<Asked, 'body'> {
  readonly fault: Fault | undefined
  /** Bytes of the request's body, and of the answer's as far as it was sent. */
  readonly bytes: { readonly received: number; sent: number }
}

/** A server with faults. */
export interface FaultyServer {
  readonly origin: string
  /** All requests so far. */
  readonly served: readonly Served[]
  /** Has requests go wrong; the first rule that fits counts. */
  inject(...rules: readonly Rule[]): void
  /** Has requests go well again, and forgets those so far. */
  calm(): void
  /** Does what is held. */
  release(): Promise<void>
  /** Number of requests for keys that fit. */
  count(of: string, key?: RegExp): number
  /** Bytes of bodies that were sent for GETs of keys that fit. */
  bytesRead(key?: RegExp): number
  close(): Promise<void>
}

/** Starts a server on 127.0.0.1 that does what `service` does, unless a rule says otherwise. */
export async function startFaulty(service: Service): Promise<FaultyServer> {
  let rules: readonly ActiveRule[] = []
  const served: Served[] = []
  const held: Asked[] = []
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => {
      response.destroy()
    })
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const method = request.method ?? ''
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const names = service.name({ method, url })
    const asked: Asked = { method, url, headers: request.headers, body, ...names }
    const fault = rules.find((rule) => rule.hits(asked))?.fault
    const bytes = { received: body.length, sent: 0 }
    served.push({ method, url, headers: asked.headers, ...names, fault, bytes })
    if (fault === 'held') held.push(asked)
    const answer = await withFault(service, asked, fault)
    if (answer) bytes.sent = await send(response, method === 'HEAD' ? bare(answer) : answer, fault)
    else if (fault !== 'silence' && fault !== 'held') request.socket.resetAndDestroy()
  }

  function fitting(of: string, key?: RegExp): readonly Served[] {
    return served.filter((one) => isOf(one, of, key))
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    served,
    inject(...added) {
      rules = [...rules, ...added.map(activeRule)]
    },
    calm() {
      rules = []
      served.length = 0
    },
    async release() {
      for (const asked of held.splice(0)) await service.answer(asked)
    },
    count: (of, key) => fitting(of, key).length,
    bytesRead: (key) => fitting('GET', key).reduce((sum, { bytes }) => sum + bytes.sent, 0),
    close: () => closed(server),
  }
}

interface ActiveRule {
  readonly fault: Fault
  hits(asked: Asked): boolean
}

function activeRule({
  fault,
  of,
  key,
  after = 0,
  times = Infinity,
  probability,
}: Rule): ActiveRule {
  const random = new Random(probability?.seed ?? 0, 0)
  let seen = 0
  return {
    fault,
    hits(asked) {
      if (!isOf(asked, of, key) || seen++ < after || seen > after + times) return false
      return random.uniform() < (probability?.of ?? 1)
    },
  }
}

function isOf(
  { method, operation, key }: Pick<Asked, 'method' | 'operation' | 'key'>,
  of?: string,
  pattern?: RegExp,
): boolean {
  return (of === undefined || of === method || of === operation) && (pattern?.test(key) ?? true)
}

/** The answer, if any comes. */
async function withFault(
  service: Service,
  asked: Asked,
  fault: Fault | undefined,
): Promise<Answer | undefined> {
  switch (fault) {
    case 'internal error':
      return errorAnswer(500, 'InternalError', 'We encountered an internal error')
    case 'slow down':
      return errorAnswer(503, 'SlowDown', 'Please reduce your request rate')
    case 'expired token':
      return errorAnswer(400, 'ExpiredToken', 'The provided token has expired')
    case 'access denied':
      return errorAnswer(403, 'AccessDenied', 'Access Denied')
    case 'not found':
      return errorAnswer(404, 'NoSuchKey', 'The specified key does not exist')
    case 'wrong region': {
      const headers = { 'x-amz-bucket-region': 'eu-west-1' }
      const moved = 'The bucket must be addressed using the specified endpoint'
      return errorAnswer(301, 'PermanentRedirect', moved, headers)
    }
    case 'reset':
    case 'silence':
    case 'held':
      return undefined
    case 'answer lost':
      await service.answer(asked)
      return undefined
    case 'whole':
      return service.answer({ ...asked, headers: without(asked.headers, 'range') })
    case 'no token': {
      const answer = await service.answer(asked)
      return {
        ...answer,
        body: String(answer.body).replace(/<NextContinuationToken>.*?<\/\w+>/, ''),
      }
    }
    case 'changed':
      await service.change(asked)
      return service.answer(asked)
    case 'wrong checksum': {
      const answer = await service.answer(asked)
      const checksum = checksumOf(Buffer.from(`not ${String(answer.body)}`))
      return { ...answer, headers: { ...answer.headers, 'x-amz-checksum-crc32': checksum } }
    }
    default:
      return service.answer(asked)
  }
}

/** An error as S3 tells it. */
export function errorAnswer(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body }
}

/** Headers without some. */
export function without<T extends object>(headers: T, ...names: readonly string[]): T {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))) as T
}

/** The value of `x-amz-checksum-crc32`. */
export function checksumOf(bytes: Buffer): string {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes))
  return checksum.toString('base64')
}

/** The answer to a HEAD. */
function bare({ status, headers, body }: Answer): Answer {
  const length = String(Buffer.byteLength(body ?? ''))
  return { status, headers: { 'content-length': length, ...headers } }
}

const partial: readonly (Fault | undefined)[] = [
  ...(['reset amid body', 'cut', 'cut without length', 'stalled'] as const),
]

/** Sends the answer, or the part of it that comes; returns the bytes of the body. */
async function send(
  response: ServerResponse,
  { status, headers, body = '' }: Answer,
  fault: Fault | undefined,
): Promise<number> {
  const bytes = Buffer.from(body)
  const length = { 'content-length': String(bytes.length) }
  if (!partial.includes(fault)) {
    response.writeHead(status, { ...length, ...headers }).end(bytes)
    return bytes.length
  }
  const half = bytes.subarray(0, bytes.length >> 1)
  if (fault === 'cut without length') {
    response.removeHeader('transfer-encoding')
    response.writeHead(status, { ...headers, connection: 'close' }).end(half)
    return half.length
  }
  response.writeHead(status, { ...length, ...headers })
  response.flushHeaders()
  if (half.length > 0) await new Promise((resolve) => response.write(half, resolve))
  if (fault === 'reset amid body') response.socket?.resetAndDestroy()
  if (fault === 'cut') response.socket?.end()
  return half.length
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
