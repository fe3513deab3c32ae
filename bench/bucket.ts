/**
 * 20,000 small objects of a local S3 server, listed and read by `fromFiles` beside a plain loop over the SDK: one
 * listing, then a GetObject after the other; and beside the same with 32 requests at a time.
 *
 * The server is a process of its own (s3rver behind the proxy of the tests, which it needs for listings in pages), so
 * that it does not share a thread with those that are measured. They take turns; medians are printed, and what each
 * took of the processor.
 *
 * Run: `npm run build && npx jiti bench/bucket.ts [objects=20000] [rounds=3]`
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { RecordBatch } from 'apache-arrow'
import { fromFiles } from '../connectors/from-files.ts'
import { bucket, startS3 } from '../test/helpers/s3-proxy.ts'

const self = fileURLToPath(import.meta.url)
const jiti = fileURLToPath(new URL('../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url))
const objectBytes = 4_000

async function serve(objects: number): Promise<void> {
  const s3 = await startS3()
  for (let i = 0; i < objects; i++) {
    const bytes = new Uint8Array(objectBytes).fill(i)
    await s3.put(`in/${String(i % 100)}/${String(i).padStart(6, '0')}.png`, bytes)
  }
  console.log(JSON.stringify(s3.env))
}

async function millrace(): Promise<number> {
  const { signal } = new AbortController()
  let bytes = 0
  for await (const value of fromFiles(`s3://${bucket}/in`).pull({ signal }))
    if (value instanceof RecordBatch)
      for (const size of value.getChild('bytes') ?? []) bytes += Number(size)
  return bytes
}

async function loop(atATime: number): Promise<number> {
  const client = new S3Client({ forcePathStyle: true })
  let bytes = 0
  async function read(key: string | undefined): Promise<void> {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    bytes += (await Body?.transformToByteArray())?.length ?? 0
  }
  for (let token: string | undefined, more = true; more;) {
    const { Contents = [], NextContinuationToken } = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: 'in/', ContinuationToken: token }),
    )
    for (let at = 0; at < Contents.length; at += atATime)
      await Promise.all(Contents.slice(at, at + atATime).map(({ Key }) => read(Key)))
    token = NextContinuationToken
    more = token !== undefined
  }
  return bytes
}

const kinds = { millrace, loop: () => loop(1), 'loop of 32': () => loop(32) } as const

interface Taken {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly bytes: number
}

async function measured(kind: keyof typeof kinds): Promise<Taken> {
  const start = performance.now()
  const bytes = await kinds[kind]()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage()
  return { seconds, cpuSeconds: (user + system) / 1e6, bytes }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

async function compare(objects: number, rounds: number): Promise<void> {
  const server = spawn(process.execPath, [jiti, self, 'serve', String(objects)])
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  const env = { ...process.env, ...(JSON.parse(String(line)) as Record<string, string>) }
  const taken = new Map<string, Taken[]>()
  try {
    for (let round = 0; round < rounds; round++)
      for (const kind of Object.keys(kinds)) {
        const text = execFileSync(process.execPath, [jiti, self, 'measure', kind], { env })
        taken.set(kind, [...(taken.get(kind) ?? []), JSON.parse(String(text)) as Taken])
      }
  } finally {
    server.kill()
  }
  const base = median((taken.get('loop') ?? []).map(({ seconds }) => seconds))
  for (const [kind, all] of taken) {
    if (all.some(({ bytes }) => bytes !== objects * objectBytes))
      throw new Error(`Expected all bytes from ${kind}`)
    const seconds = median(all.map((each) => each.seconds))
    const rate = `${(objects / seconds).toFixed(0)} objects/s, ${(base / seconds).toFixed(2)} × the loop`
    const cpu = median(all.map((each) => each.cpuSeconds))
    console.log(`${kind}: ${seconds.toFixed(1)} s, ${rate}, processor ${cpu.toFixed(1)} s`)
  }
}

const [first = '20000', second = '3'] = process.argv.slice(2)
if (first === 'serve') await serve(Number(second))
else if (first === 'measure') {
  console.log(JSON.stringify(await measured(second as keyof typeof kinds)))
  process.exit()
} else await compare(Number(first), Number(second))
