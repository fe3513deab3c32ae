import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toWebhook, type ToWebhookOptions } from '../../connectors/to-webhook.ts'
import { batchOf, int32Column, textColumn } from '../../src/batch/batch.ts'
import { heavy } from '../../src/batch/schema.ts'
import { Barrier } from '../../src/flow/control.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { pulled, runFrom } from '../helpers/runs.ts'

interface Received {
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: { readonly id: string; readonly rows: readonly Record<string, unknown>[] }
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void

let server: Server
let url: string
let received: Received[]
/** What the next requests get; then 204. */
let answers: Answer[]

const status =
  (code: number, headers: Record<string, string> = {}, text = ''): Answer =>
  (response) => {
    response.writeHead(code, headers).end(text)
  }

const silence: Answer = () => undefined

beforeEach(async () => {
  received = []
  answers = []
  server = createServer((request, response) => {
    void (async () => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece as Buffer)
      const text = Buffer.concat(pieces).toString()
      received.push({ headers: request.headers, text, body: JSON.parse(text) as never })
      const answer = answers.shift() ?? status(204)
      answer(response, request)
    })()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/rows`
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function numbered(from: number, to: number): RecordBatch {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i)
  return batchOf([textColumn('id', numbers.map(String)), int32Column('n', numbers)])
}

function post(batches: readonly RecordBatch[], options?: ToWebhookOptions, to = url) {
  return lastValueFrom(flowOf(batches).pipe(toWebhook(to, options)))
}

const numbers = () => received.map(({ body }) => body.rows.map((row) => row['n']))
const keys = () => received.map(({ headers }) => String(headers['idempotency-key']))

describe('toWebhook', () => {
  it('posts rows in requests of so many, with their key, and answers with a receipt', async () => {
    const summary = await post([numbered(0, 2), numbered(2, 3), numbered(3, 5)], {
      batchRows: 2,
      headers: { Authorization: 'Bearer token' },
    })
    expect(numbers()).toEqual([[0, 1], [2, 3], [4]])
    expect(received[0]?.body.rows[0]).toEqual({ id: '0', n: 0 })
    expect(received[0]?.headers).toMatchObject({
      authorization: 'Bearer token',
      'content-type': 'application/json',
    })
    expect(keys()).toEqual(received.map(({ body }) => body.id))
    expect(keys().map((key) => key.split(':')[1])).toEqual(['0', '1', '2'])
    expect(new Set(keys().map((key) => key.split(':')[0])).size).toBe(1)
    const bytes = received.reduce((sum, { text }) => sum + text.length, 0)
    expect(summary).toEqual({ sink: 'toWebhook', location: url, rows: 5, bytes, files: 3 })
  })

  it('cuts requests by bytes, and sends nothing where there are no rows', async () => {
    await post([numbered(0, 5)], { batchBytes: 40 })
    expect(numbers()).toEqual([[0, 1], [2, 3], [4]])
    expect(await post([numbered(0, 0)])).toMatchObject({ rows: 0, files: 0 })
    expect(received).toHaveLength(3)
  })

  it('sends chosen columns, heavy ones only when chosen', async () => {
    const image = textColumn('image', ['…'])
    const rows = batchOf([textColumn('id', ['a']), { ...image, field: heavy(image.field) }])
    await post([rows])
    await post([rows], { columns: ['image'] })
    expect(received.map(({ body }) => body.rows)).toEqual([[{ id: 'a' }], [{ image: '…' }]])
  })

  it('signs requests so that the receiver of the documentation can tell', async () => {
    const page = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8')
    const [, snippet = ''] = /```js\n(.*?)```/s.exec(page) ?? []
    const { isSigned } = (await import(`data:text/javascript,${encodeURIComponent(snippet)}`)) as {
      isSigned: (header: string, body: string, secret: string, seconds?: number) => boolean
    }
    await post([numbered(0, 1)], { secret: 'shared' })
    const [{ headers, text } = { headers: {}, text: '' }] = received
    const header = String((headers as Record<string, unknown>)['millrace-signature'])
    expect(isSigned(header, text, 'shared')).toBe(true)
    expect(isSigned(header, text, 'other')).toBe(false)
    expect(isSigned(header, `${text} `, 'shared')).toBe(false)
    expect(isSigned(header, text, 'shared', -1)).toBe(false)
    await post([numbered(0, 1)])
    expect(received[1]?.headers).not.toHaveProperty('millrace-signature')
  })

  it.each<[string, Answer]>([
    ['503', status(503)],
    ['408', status(408)],
    ['425', status(425)],
    ['429, with the time to wait', status(429, { 'retry-after': '0' })],
    ['429, with a date to wait for', status(429, { 'retry-after': new Date(0).toUTCString() })],
    ['a connection that ends', (_, request) => request.socket.destroy()],
    ['an answer that does not come', silence],
  ])('sends a request again after %s, with the same key and rows', async (_, answer) => {
    answers = [answer]
    const requestTimeoutMs = answer === silence ? 500 : 30_000
    await post([numbered(0, 3)], { batchRows: 2, requestTimeoutMs })
    expect(numbers()).toEqual([[0, 1], [0, 1], [2]])
    expect(keys()[0]).toBe(keys()[1])
  })

  it.each([400, 401, 404, 307, 304])('fails for good at %d, with the answer', async (code) => {
    answers = [status(code, { location: '/else' }, code === 304 ? '' : `no\n ${'x'.repeat(5000)}`)]
    const error: unknown = await post([numbered(0, 2)]).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'CONNECTOR', retryable: false, status: code, url })
    expect((error as Error).message.length).toBeLessThan(400)
    if (code !== 304) expect((error as Error).message).toContain('no xxx')
    expect(received).toHaveLength(1)
  })

  it('gives up at the deadline', async () => {
    answers = Array.from({ length: 50 }, () => status(500))
    const gone = post([numbered(0, 1)], { deadlineMs: 60 })
    await expect(gone).rejects.toMatchObject({ code: 'CONNECTOR', retryable: true, status: 500 })
    answers = [status(503, { 'retry-after': '3600' })]
    await expect(post([numbered(0, 1)])).rejects.toMatchObject({ retryable: true, status: 503 })
    server.close()
    server.closeAllConnections()
    const closed = post([numbered(0, 1)], { deadlineMs: 30 })
    await expect(closed).rejects.toMatchObject({ code: 'CONNECTOR', retryable: true, url })
  })

  it('has at most so many requests under way', async () => {
    let open = 0
    let most = 0
    const slow: Answer = (response) => {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        response.writeHead(204).end()
      })
    }
    answers = Array.from({ length: 12 }, () => slow)
    expect(await post([numbered(0, 12)], { batchRows: 1, concurrency: 3 })).toMatchObject({
      files: 12,
    })
    expect(
      numbers()
        .flat()
        .sort((a, b) => Number(a) - Number(b)),
    ).toHaveLength(12)
    expect(most).toBeLessThanOrEqual(3)
  })

  it('sends the same requests again after a checkpoint, wherever that fell', async () => {
    const rows = [numbered(0, 3), numbered(3, 4), numbered(4, 8)]
    const barrier = new Barrier(1)
    const crashing = new Flow<RecordBatch>(
      async function* () {
        yield rows[0] as RecordBatch
        yield barrier
        yield* rows.slice(1)
        await barrier.committed()
        throw new Error('crash')
      },
      { name: 'rows', role: 'source' },
    )
    const sink = () => toWebhook(url, { batchRows: 2 })
    await expect(pulled(flowOf(crashing.pipe(sink())), runFrom(new Map()))).rejects.toThrow('crash')
    const out = await pulled(flowOf(flowOf(rows.slice(1)).pipe(sink())), runFrom(barrier.states))
    const byKey = new Map(received.map(({ body, text }) => [body.id, text]))
    // Those that had been sent behind the checkpoint come again byte for byte.
    for (const { body, text } of received) expect(byKey.get(body.id)).toBe(text)
    expect(received.length).toBeGreaterThan(byKey.size)
    const once = [...byKey.values()].map((text) => JSON.parse(text) as Received['body'])
    expect(once.flatMap(({ rows }) => rows.map((row) => row['n']))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
    expect(out).toMatchObject([{ rows: 8, files: 4 }])
  })

  it('ends the request under way when it is ended early', async () => {
    const abort = new AbortController()
    const hanging = new Promise<void>((resolve) => {
      answers = [
        (_, request) =>
          request.socket.once('close', () => {
            resolve()
          }),
      ]
    })
    const flow = flowOf(
      flowOf([numbered(0, 1), numbered(1, 2)]).pipe(toWebhook(url, { batchRows: 1 })),
    )
    const reading = pulledUntil(flow, abort.signal)
    await expect.poll(() => received.length).toBe(1)
    abort.abort()
    await reading
    await hanging
  })

  it('shows no secret: not in settings, messages or receipts', async () => {
    const secrets = ['shh', 'Bearer hush', 'quiet']
    const options = { secret: 'shh', headers: { authorization: 'Bearer hush' } }
    const to = `${url}?token=quiet`
    const flow = flowOf(flowOf([numbered(0, 1)]).pipe(toWebhook(to, options)))
    const receipt = await lastValueFrom(flow)
    answers = [status(401, {}, 'who are you')]
    const error = await lastValueFrom(flow).catch((e: unknown) => e as Error & { url: string })
    const { settings, target } = flow.info
    const shown = JSON.stringify([settings, target, receipt, error, (error as Error).message])
    for (const secret of secrets) expect(shown).not.toContain(secret)
    expect(shown).toContain('/rows?…')
  })

  it.each<[string, string, ToWebhookOptions]>([
    ['Expected option `url` to be an HTTP URL, got something else', 'ftp://x', {}],
    [
      'Expected option `url` to have no user and password, got some; they belong in `headers`',
      'https://me:secret@example.org/',
      {},
    ],
    [
      'Expected option `headers` to be names and values of HTTP headers',
      'https://example.org/',
      { headers: { 'not a name': 'x' } },
    ],
    [
      'Expected option `concurrency` to be a positive integer, got `0` (number)',
      'https://example.org/',
      { concurrency: 0 },
    ],
    [
      'Expected option `secret` to be a non-empty string, got something else',
      'https://example.org/',
      { secret: '' },
    ],
    [
      'Expected toWebhook to be given only known options, got `secrt`; did you mean `secret`?',
      'https://example.org/',
      { secrt: 1 } as ToWebhookOptions,
    ],
  ])('says: %s', (message, to, options) => {
    expect(() => toWebhook(to, options)).toThrow(
      expect.objectContaining({ code: 'OPTION', message }),
    )
  })
})

async function pulledUntil(flow: Flow<unknown>, signal: AbortSignal): Promise<void> {
  for await (const value of flow.pull({ signal })) expect(value).toBeUndefined()
}
