import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { link, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** How often resident memory is read. */
const sampleMs = 100

/** Kinds of pictures, taken in turns: as a camera makes them, as the web has them, and drawn ones. */
const kinds = [
  { width: 4000, height: 3000, format: 'jpeg' },
  { width: 2000, height: 1500, format: 'jpeg' },
  { width: 1600, height: 1200, format: 'png' },
] as const

/**
 * What a row may add to the memory of a command, in bytes, as the operators state it: 4 per value of its
 * embedding (1,792 of them) in an index, 300 for the graph of that, 200 for groups, and its id. Before there is an
 * index, the block of the table that is filled has the embedding.
 */
export const rowStateBytes = 4 * 1792 + 300 + 200 + 100

/** What a folder of pictures holds. */
export interface Pictures {
  readonly folder: string
  readonly files: number
  readonly bytes: number
}

/**
 * Fills `folder` with pictures of several megabytes each, `bytes` or a little more altogether. Of `distinct`
 * pictures that are made the rest are hard links, in ten folders, so that they take no room on the disk.
 */
export async function soakPictures(
  folder: string,
  bytes: number,
  distinct: number,
): Promise<Pictures> {
  const made: { readonly path: string; readonly bytes: number }[] = []
  let sum = 0
  let files = 0
  for (; sum < bytes; files++) {
    const place = join(folder, `class-${String(files % 10)}`)
    const { format } = kinds[files % kinds.length] as (typeof kinds)[number]
    const path = join(place, `${String(files).padStart(6, '0')}.${format}`)
    if (files < 10) await mkdir(place, { recursive: true })
    if (files < distinct) {
      await writeFile(path, await picture(files))
      made.push({ path, bytes: (await stat(path)).size })
    } else await link(made[files % distinct]?.path ?? '', path)
    sum += made[files % distinct]?.bytes ?? 0
  }
  return { folder, files, bytes: sum }
}

/** Smooth shapes with the grain of a sensor, which compress about as a photograph does. */
async function picture(seed: number): Promise<Uint8Array> {
  const { width, height, format } = kinds[seed % kinds.length] as (typeof kinds)[number]
  const rough = Uint8Array.from(randomBytes(16 * 12 * 3, seed + 1), (byte) => 32 + 0.75 * byte)
  const pixels = await sharp(rough, { raw: { width: 16, height: 12, channels: 3 } })
    .resize(width, height, { kernel: 'cubic' })
    .raw()
    .toBuffer()
  const grain = randomBytes(2 ** 20 + 7, seed + 2)
  for (let i = 0, at = 0; i < pixels.length; i++) {
    pixels[i] = (pixels[i] ?? 0) + ((grain[at] ?? 0) >> 3) - 16
    if (++at === grain.length) at = 0
  }
  const image = sharp(pixels, { raw: { width, height, channels: 3 } })
  return format === 'png'
    ? image.png({ compressionLevel: 1 }).toBuffer()
    : image.jpeg({ quality: 92 }).toBuffer()
}

function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** How a run of the command went. */
export interface Soaked {
  readonly code: number | string | null
  readonly stderr: string
  readonly seconds: number
  /** Resident memory every tenth of a second, in bytes. */
  readonly curve: readonly number[]
  /** The most that the system has seen, between the samples too. */
  readonly peak: number
}

/** What the first line of the command has set in its environment, as the installed command is started. */
function launchedWith(): Record<string, string> {
  const [first = ''] = readFileSync(main, 'utf8').split('\n', 1)
  const environment: Record<string, string> = {}
  for (const [, name = '', value = ''] of first.matchAll(/(\w+)=(\S+)/g)) environment[name] = value
  return environment
}

/** Runs the built command with `args`, and follows its resident memory. */
export function soak(args: readonly string[]): Promise<Soaked> {
  const started = performance.now()
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...launchedWith() },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const curve: number[] = []
  let peak = 0
  const timer = setInterval(() => {
    const now = memoryOf(child.pid ?? 0)
    if (!now) return
    curve.push(now.resident)
    peak = Math.max(peak, now.peak)
  }, sampleMs)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(timer)
      const seconds = (performance.now() - started) / 1_000
      resolve({ code: code ?? signal, stderr, seconds, curve, peak })
    })
  })
}

/** Resident memory of a process and its highest, in bytes; undefined once it has ended. */
function memoryOf(pid: number): { resident: number; peak: number } | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  } catch {
    return undefined
  }
  const [, peak] = /^VmHWM:\s+(\d+) kB/m.exec(status) ?? []
  const [, resident] = /^VmRSS:\s+(\d+) kB/m.exec(status) ?? []
  return resident === undefined
    ? undefined
    : { resident: 1024 * Number(resident), peak: 1024 * Number(peak) }
}

/**
 * Resident memory that is exceeded for a twentieth of the time. By this runs of different length compare: the one
 * highest moment is chance, two large pictures in work while buffers wait for the collector, and a run that is ten
 * times as long has ten times the chances. What grows with the rows shows all the same, as it stays to the end.
 */
export function levelOf(curve: readonly number[]): number {
  return curve.toSorted((a, b) => a - b)[Math.floor(0.95 * curve.length)] ?? 0
}

/** The levels of a run's halves; its first tenth, in which the windows fill, is left out. */
export function halvesOf(curve: readonly number[]): {
  readonly first: number
  readonly second: number
} {
  const [start, middle] = [0.1, 0.5].map((part) => Math.floor(part * curve.length))
  return { first: levelOf(curve.slice(start, middle)), second: levelOf(curve.slice(middle)) }
}

/** A run on so many pictures. */
export interface SoakedFiles {
  /** How many. */
  readonly files: number
  /** See {@link Soaked}. */
  readonly curve: readonly number[]
  /** See {@link Soaked}. */
  readonly peak: number
}

/** What a run on many pictures may take. */
export interface SoakBounds {
  /** Bytes at any time. */
  readonly peak: number
  /** Its level over that of runs on few pictures, and that of its second half over that of its first. */
  readonly ratio: number
}

/** One thing that is measured of a run, and its bound, in bytes. */
export interface SoakCheck {
  /** What it is. */
  readonly what: string
  readonly bytes: number
  readonly most: number
}

/**
 * Checks a run on many pictures: its peak; its level beside the highest of the runs on `few`, since that differs by
 * 5 % and more from run to run; and the level of its second half beside that of its first, where rows that are held
 * would show. What rows may add, as the operators state it, is taken off.
 */
export function soakChecks(
  few: readonly SoakedFiles[],
  many: SoakedFiles,
  { peak, ratio }: SoakBounds,
): readonly SoakCheck[] {
  const stated = many.files * rowStateBytes
  const { first, second } = halvesOf(many.curve)
  const reference = Math.max(
    ...few.map(({ curve, files }) => levelOf(curve) - files * rowStateBytes),
  )
  return [
    ...[...few, many].map((run) => ({ what: 'peak', bytes: run.peak, most: peak })),
    { what: 'level', bytes: levelOf(many.curve) - stated, most: reference * ratio },
    { what: 'level of the second half', bytes: second - stated, most: first * ratio },
  ]
}

/** The most in each tenth of the time. */
export function tenths(curve: readonly number[]): readonly number[] {
  return Array.from({ length: 10 }, (_, i) => {
    const from = Math.floor((i * curve.length) / 10)
    return Math.max(0, ...curve.slice(from, Math.max(from + 1, ((i + 1) * curve.length) / 10)))
  })
}

/** The pipeline that the pictures are driven through: arguments are their folder and that for the results. */
const pipeline = `
import { fromFiles } from 'millrace/connectors/from-files'
import { toParquet } from 'millrace/connectors/to-parquet'
import { decode } from 'millrace/operators/decode'
import { infer } from 'millrace/operators/infer'
import { neighbors } from 'millrace/operators/neighbors'
import { pca } from 'millrace/operators/pca'
import { resize } from 'millrace/operators/resize'

const columns = ['id', 'label', 'image', 'embedding', 'pca', 'near_id', 'near_distance']

export default ([pictures = '', out = '']: string[]) =>
  fromFiles(pictures).pipe(
    decode(),
    resize({ width: 224, height: 224 }),
    infer(),
    pca({ components: 5, save: \`\${out}/pca\` }),
    neighbors({ index: 'hnsw', save: \`\${out}/index\` }),
    toParquet(\`\${out}/items.parquet\`, { columns }),
  )
`

/** What is driven: the pipeline, or the report. */
export type SoakedCommand = 'run' | 'report'

/** Drives the pictures in a folder through a command within `memory`; what it writes goes to `folder`. */
export async function soakCommand(
  command: SoakedCommand,
  pictures: string,
  { folder, memory }: { readonly folder: string; readonly memory: string },
): Promise<Soaked> {
  const out = join(folder, `${command}-out`)
  const options = ['--quiet', '--memory', memory]
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  if (command === 'report') return soak([command, pictures, '--out', out, ...options])
  const file = join(folder, 'soak-pipeline.ts')
  await writeFile(file, pipeline)
  return soak([command, file, ...options, '--spill-dir', folder, '--', pictures, out])
}
