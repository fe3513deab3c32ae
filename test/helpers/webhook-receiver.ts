import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that takes posts, and makes each once. */
export interface WebhookReceiver {
  /** Its address; what follows it tells receivers apart. */
  readonly url: string
  /** The rows posted to a path, each request by its key once, in the order in which they came. */
  rows(path: string): readonly unknown[]
  /** Stops it. */
  close(): Promise<void>
}

/** Starts a receiver on 127.0.0.1. */
export async function startReceiver(): Promise<WebhookReceiver> {
  const posted = new Map<string, Map<string, readonly unknown[]>>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id, rows } = JSON.parse(String(Buffer.concat(chunks))) as {
        id: string
        rows: readonly unknown[]
      }
      const there = posted.get(request.url ?? '') ?? new Map<string, readonly unknown[]>()
      posted.set(request.url ?? '', there)
      if (!there.has(id)) there.set(id, rows)
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${String(port)}`,
    rows: (path) => [...(posted.get(path)?.values() ?? [])].flat(),
    async close() {
      server.close()
      await once(server, 'close')
    },
  }
}
