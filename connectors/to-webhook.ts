import { randomBytes } from 'node:crypto'
import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { select } from '../src/batch/batch.ts'
import { selectedSchema } from '../src/batch/selected-schema.ts'
import { OptionError } from '../src/errors.ts'
import type { Context } from '../src/flow/context.ts'
import { sink, type Writer, type WriteSummary } from '../src/flow/sink.ts'
import {
  columnList,
  knownOptions,
  nonEmptyString,
  positiveInteger,
  stringMap,
} from '../src/options.ts'
import { jsonRows } from '../src/output/json-rows.ts'
import { postBatch, type WebhookTarget } from '../src/output/webhook-post.ts'

/** Options of {@link toWebhook}. */
export interface ToWebhookOptions {
  /**
   * Columns to send, in this order.
   *
   * @default all but the heavy ones
   */
  readonly columns?: readonly string[]
  /**
   * Most rows of a request.
   *
   * @default 500
   */
  readonly batchRows?: number
  /**
   * Most bytes of a request's rows; a larger row has a request of its own.
   *
   * @default 1_048_576
   */
  readonly batchBytes?: number
  /**
   * Headers of each request, for example `authorization`. Their values are shown nowhere.
   *
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * What requests are signed with: the receiver, who has it too, can tell that they are yours. It is shown nowhere.
   *
   * @default no signature
   */
  readonly secret?: string
  /**
   * How long an answer may take before the request is sent again.
   *
   * @default 30_000
   */
  readonly requestTimeoutMs?: number
  /**
   * How long a request is sent again, from its first try on.
   *
   * @default 120_000
   */
  readonly deadlineMs?: number
  /**
   * Requests that may be under way at the same time. With more than one they may arrive in another order.
   *
   * @default 1
   */
  readonly concurrency?: number
}

const name = 'toWebhook'

/** What a checkpoint keeps. */
interface State {
  /** What keys of requests begin with. */
  readonly run: string
  readonly posted: Posted
  /** Rows that wait for their request, as JSON. */
  readonly waiting: readonly string[]
}

/** What has been sent. */
interface Posted {
  readonly rows: number
  readonly bytes: number
  readonly requests: number
}

interface Limits {
  readonly batchRows: number
  readonly batchBytes: number
  readonly concurrency: number
}

/**
 * Posts the rows to `url` as JSON, `{ "id": "run:number", "rows": [{ … }, …] }`, and answers with a receipt.
 *
 * - Order: as they come, unless `concurrency` is more than 1. A row waits until its request is full, or the flow ends.
 * - Delivery: at least once. A request that is sent again, also by a resumed run, has the same rows and the same
 *   `Idempotency-Key`, which is its `id`: by that a receiver can make it once.
 * - Signature: with a `secret`, the header `Millrace-Signature: t=<seconds>,v1=<hex>` (`docs/webhooks.md`).
 * - Tried again, with full jitter and not before a `Retry-After`: 408, 425, 429, 5xx, and what does not connect. Any other
 *   status, redirects too, fails the run; requests that were answered stay delivered.
 * - Columns: as `toJsonl` writes them.
 * - Memory: `concurrency` + 1 times `batchBytes`.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, with the status and the first bytes of the answer
 * @example
 * flow.pipe(toWebhook('https://example.org/rows', { secret: process.env.HOOK_SECRET })) // => { sink: 'toWebhook', rows: 314, … }
 */
export function toWebhook(
  url: string,
  options: ToWebhookOptions = {},
): OperatorFunction<RecordBatch, WriteSummary> {
  const target = targetOf(url, options)
  const columns = options.columns && columnList('columns', options.columns)
  const limits: Limits = {
    batchRows: positiveInteger('batchRows', options.batchRows ?? 500),
    batchBytes: positiveInteger('batchBytes', options.batchBytes ?? 2 ** 20),
    concurrency: positiveInteger('concurrency', options.concurrency ?? 1),
  }
  const { shown, requestTimeoutMs, deadlineMs } = target

  return sink<State>({
    name,
    guarantee: 'at-least-once',
    adds: true,
    target: shown,
    open: (context, from) => new Posts(target, { limits, columns }, context, from),
    schema: (schema) => selectedSchema(schema, columns, name),
    memoryBytes: (limits.concurrency + 1) * limits.batchBytes,
    settings: { url: shown, columns, ...limits, requestTimeoutMs, deadlineMs },
    ...(columns && { columns }),
  })
}

const known = [
  ...['columns', 'batchRows', 'batchBytes', 'headers', 'secret', 'requestTimeoutMs'],
  ...['deadlineMs', 'concurrency'],
]

function targetOf(url: string, options: ToWebhookOptions): WebhookTarget {
  knownOptions(name, options, known)
  const { secret } = options
  const parsed = URL.canParse(nonEmptyString('url', url)) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new OptionError('Expected option `url` to be an HTTP URL, got something else')
  if (parsed.username !== '' || parsed.password !== '')
    throw new OptionError(
      'Expected option `url` to have no user and password, got some; they belong in `headers`',
    )
  const query = parsed.search === '' ? '' : '?…'
  return {
    url,
    shown: `${parsed.origin}${parsed.pathname}${query}`,
    headers: headersOf(options.headers),
    secret: secret === undefined ? undefined : secretText(secret),
    requestTimeoutMs: positiveInteger('requestTimeoutMs', options.requestTimeoutMs ?? 30_000),
    deadlineMs: positiveInteger('deadlineMs', options.deadlineMs ?? 120_000),
  }
}

function headersOf(headers: ToWebhookOptions['headers']): Readonly<Record<string, string>> {
  if (headers === undefined) return {}
  try {
    return Object.fromEntries(new Headers(Object.fromEntries(stringMap('headers', headers))))
  } catch {
    // Whatever is wrong with a value, the error must not show it.
    throw new OptionError('Expected option `headers` to be names and values of HTTP headers')
  }
}

function secretText(secret: unknown): string {
  if (typeof secret === 'string' && secret !== '') return secret
  throw new OptionError('Expected option `secret` to be a non-empty string, got something else')
}

/** Requests are cut by the rows alone, so that one that is sent again has the same rows. */
class Posts implements Writer<State> {
  readonly #target: WebhookTarget
  readonly #limits: Limits
  readonly #columns: readonly string[] | undefined
  readonly #run: string
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal
  readonly #underWay = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #waiting: string[] = []
  #waitingBytes = 0
  #posted: Posted = { rows: 0, bytes: 0, requests: 0 }

  constructor(
    target: WebhookTarget,
    { limits, columns }: { limits: Limits; columns: readonly string[] | undefined },
    context: Context,
    from: State | undefined,
  ) {
    this.#target = target
    this.#limits = limits
    this.#columns = columns
    this.#signal = AbortSignal.any([context.signal, this.#abort.signal])
    this.#run = from?.run ?? context.run?.id ?? randomBytes(6).toString('hex')
    if (!from) return
    this.#posted = from.posted
    this.#waiting = [...from.waiting]
    this.#waitingBytes = from.waiting.reduce((sum, row) => sum + Buffer.byteLength(row), 0)
  }

  async write(batch: RecordBatch): Promise<void> {
    try {
      await this.#add(batch)
    } catch (error) {
      // An aborted flow ends without an error, and without a receipt.
      if (!this.#signal.aborted) throw error
    }
  }

  async #add(batch: RecordBatch): Promise<void> {
    const { batchRows, batchBytes } = this.#limits
    for (const row of jsonRows(this.#columns ? select(batch, this.#columns) : batch)) {
      const bytes = Buffer.byteLength(row)
      if (this.#waiting.length > 0 && this.#waitingBytes + bytes > batchBytes) await this.#send()
      this.#waiting.push(row)
      this.#waitingBytes += bytes
      if (this.#waiting.length === batchRows) await this.#send()
    }
  }

  async stage(): Promise<State> {
    await this.#answered(0)
    return { run: this.#run, posted: this.#posted, waiting: [...this.#waiting] }
  }

  async finish(): Promise<{ readonly summary: WriteSummary }> {
    if (this.#waiting.length > 0) await this.#send()
    await this.#answered(0)
    const { rows, bytes, requests } = this.#posted
    return { summary: { sink: name, location: this.#target.shown, rows, bytes, files: requests } }
  }

  abort(): void {
    this.#abort.abort()
  }

  /** Sends the rows that wait, when few enough requests are under way. */
  async #send(): Promise<void> {
    await this.#answered(this.#limits.concurrency - 1)
    const { rows, bytes, requests } = this.#posted
    const id = `${this.#run}:${String(requests)}`
    const body = Buffer.from(`{"id":${JSON.stringify(id)},"rows":[${this.#waiting.join(',')}]}`)
    this.#posted = {
      rows: rows + this.#waiting.length,
      bytes: bytes + body.length,
      requests: requests + 1,
    }
    this.#waiting = []
    this.#waitingBytes = 0
    const posting = postBatch(this.#target, { id, body }, this.#signal)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#underWay.delete(posting))
    this.#underWay.add(posting)
  }

  /** Waits until at most `most` requests are under way; throws what one of them failed of. */
  async #answered(most: number): Promise<void> {
    while (this.#underWay.size > most && !this.#failure) await Promise.race(this.#underWay)
    if (this.#failure) throw this.#failure.error
  }
}
