import { Binary, Field, Int32, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOf } from '../src/batch/batch.ts'
import { heavy } from '../src/batch/schema.ts'
import { ConnectorError, DataError, OptionError } from '../src/errors.ts'
import type { Context } from '../src/flow/context.ts'
import { Rejects } from '../src/flow/control.ts'
import type { Flow } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { Skipped, source } from '../src/flow/source.ts'
import { columnList, knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { fileRoots } from '../src/pictures/file-roots.ts'
import { isGlob } from '../src/pictures/glob.ts'
import {
  filesIn,
  idOf,
  type Placed,
  type Position as Shard,
} from '../src/pictures/picture-files.ts'
import { pathText } from '../src/pictures/walk-files.ts'
import { storedLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'
import { shardSamples } from '../src/tar/shard-samples.ts'
import type { TarSample } from '../src/tar/tar-sample.ts'
import { type OnError, onErrorChoices } from '../src/tasks/row-tasks.ts'
import { columnOf } from '../src/tasks/row-values.ts'

/** Options of {@link fromTar}. */
export interface FromTarOptions {
  /**
   * Extensions of members that become columns of their bytes, besides the picture: `['npy', 'seg.png']`.
   *
   * @default none
   */
  readonly columns?: readonly string[]
  /**
   * Goes before every id with a slash, so that ids of several sources differ.
   *
   * @default no prefix
   */
  readonly sourceName?: string
  /**
   * Most rows of a batch.
   *
   * @default 64
   */
  readonly batchRows?: number
  /**
   * Most bytes of a batch; a larger sample has a batch of its own.
   *
   * @default 33_554_432, less if the run's memory asks for it
   */
  readonly batchBytes?: number
  /**
   * How buckets and URLs are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
  /**
   * What becomes of a sample that cannot be read.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

const name = 'fromTar'
const tarName = /\.(?:tar|tar\.gz|tgz)$/i
const own = ['id', 'uri', 'label', 'image', 'bytes', 'json']

/** Batches' worth of bytes that are held: one in the making, one that the next operator has. */
const windowBatches = 2
const windowRange = { least: windowBatches * 2 ** 20, most: windowBatches * 2 ** 25 }

/** What comes next: the shard after one that was read whole, and where in it. */
interface Position {
  readonly after: Shard | undefined
  readonly offset: number
}

interface Plan {
  readonly locations: readonly string[]
  readonly columns: readonly string[]
  readonly prefix: string
  /** Whether ids need the name of the archive. */
  readonly several: boolean
  readonly batchRows: number
  readonly storage: ReturnType<typeof storageSettings>
  readonly onError: OnError
}

/**
 * Reads pictures and labels from tar archives as WebDataset keeps them (`.tar`, `.tar.gz`, `.tgz`), streaming: from
 * paths, folders, globs, URLs and prefixes of buckets.
 *
 * - A sample is made of the members that follow each other and have the same key, which is the path up to the first dot
 *   of the file's name. Order: archives as given, samples as stored.
 * - Columns: `id` (the key; of several archives after the archive's path), `uri` (of the archive, `#` and the member), `label`
 *   (of `.cls`, else the field `label` of `.json`, else `.txt`), `image` (Binary, heavy: the first picture by its
 *   extension), `bytes` (Int32), `json` (the other fields of `.json`), and the chosen ones (Binary, heavy).
 * - Names are data: nothing is ever written under them. Ignored, and counted as `dropped`: links, devices, hidden files,
 *   files without an extension, and samples with neither a picture nor a label nor a chosen column.
 * - Faults (`onError`), each of a whole sample: `OUTSIDE` (an absolute name, or one with `..`), `TOO_LARGE` (1 GiB and
 *   more), `FORMAT` (a label that is not text, `.json` that is not JSON), `DUPLICATE` (an extension twice). A key that
 *   comes again later is not noticed.
 * - An archive that is cut within a member, or damaged, fails; one that lacks the zeros at its end does not.
 * - Delivery: each sample once. A resumed run reads a `.tar` on from that sample, of a compressed one it passes over those before.
 * - Memory: a sample, and 2 times `batchBytes`.
 *
 * @throws {OptionError} at the call, for options out of range
 * @throws {ConnectorError} on the stream, if an archive does not exist or cannot be read, or there is none
 * @throws {DataError} on the stream, if an archive is cut, damaged, empty or none, or a sample is at fault and `onError` is `'fail'`
 * @see https://github.com/webdataset/webdataset#the-webdataset-format
 */
export function fromTar(
  location: string | readonly string[],
  options: FromTarOptions = {},
): Flow<RecordBatch> {
  const plan = planOf(location, options)
  const batchBytes =
    options.batchBytes === undefined ? undefined : positiveInteger('batchBytes', options.batchBytes)
  const flow: Flow<RecordBatch> = source<RecordBatch, Position>({
    name,
    schema: () => schemaOf(plan),
    read: (context, from) =>
      batches(plan, Math.ceil(memoryOf(flow, context) / windowBatches), context, from),
    memoryBytes: batchBytes === undefined ? windowRange : windowBatches * batchBytes,
    settings: { location, ...options },
  })
  return flow
}

function planOf(location: string | readonly string[], options: FromTarOptions): Plan {
  knownOptions(name, options, [
    ...['columns', 'sourceName', 'batchRows', 'batchBytes', 'storage', 'onError'],
  ])
  const { columns, sourceName } = options
  const locations = typeof location === 'string' ? [location] : columnList('location', location)
  const [first = ''] = locations
  const extensions = columns ? columnList('columns', columns).map((c) => c.toLowerCase()) : []
  const taken = extensions.find((each, i) => own.includes(each) || extensions.indexOf(each) !== i)
  if (taken !== undefined)
    throw new OptionError(`Expected option \`columns\` to be new columns, got \`${taken}\``)
  return {
    locations: locations.map((each) => storedLocation('location', each)),
    columns: extensions,
    prefix: sourceName === undefined ? '' : `${nonEmptyString('sourceName', sourceName)}/`,
    several: locations.length > 1 || isGlob(first) || !tarName.test(first),
    batchRows: positiveInteger('batchRows', options.batchRows ?? 64),
    storage: storageSettings(options.storage),
    onError: oneOf('onError', options.onError ?? 'fail', onErrorChoices),
  }
}

function schemaOf({ columns }: Plan): Schema {
  return new Schema([
    ...['id', 'uri', 'label'].map(textField),
    bytesField('image'),
    new Field('bytes', new Int32(), true),
    textField('json'),
    ...columns.map(bytesField),
  ])
}

function textField(column: string): Field {
  return new Field(column, new Utf8(), true)
}

function bytesField(column: string): Field {
  return heavy(new Field(column, new Binary(), true))
}

type Row = Readonly<Record<string, string | number | Uint8Array | null>>

async function* batches(
  plan: Plan,
  batchBytes: number,
  context: Context,
  from: Position = { after: undefined, offset: 0 },
): AsyncGenerator<readonly [Skipped<RecordBatch>, Position]> {
  let rows: Row[] = []
  let bytes = 0
  let dropped = 0
  let position = from
  function upToHere(...rejects: Rejects[]): readonly [Skipped<RecordBatch>, Position] {
    const batch = rows.length > 0 ? [batchOfRows(plan, rows, context)] : []
    const here = new Skipped<RecordBatch>(dropped, ...batch, ...rejects)
    rows = []
    bytes = dropped = 0
    return [here, position]
  }

  for await (const { shard, sample } of samples(plan, context, from)) {
    if (!sample) {
      position = { after: shard.position, offset: 0 }
      continue
    }
    const more = sample.bytes
    if (rows.length > 0 && bytes + more > batchBytes) yield upToHere()
    dropped += sample.ignored
    position = { after: position.after, offset: sample.end }
    const id = idIn(plan, shard, sample)
    if (sample.fault && plan.onError === 'fail')
      throw new DataError(sample.fault.message, { url: shard.root.uriOf(shard.found) })
    if (sample.fault && plan.onError === 'reject')
      yield upToHere(new Rejects([{ id, operator: name, ...sample.fault, attempt: 1 }]))
    else if (sample.fault || !sample.isRow) dropped++
    else {
      rows.push(rowOf(sample, id, shard))
      bytes += more
      if (rows.length === plan.batchRows || bytes >= batchBytes) yield upToHere()
    }
  }
  if (rows.length > 0 || dropped > 0) yield upToHere()
}

/** The samples of all archives; none behind the last of each. */
async function* samples(
  plan: Plan,
  { signal, columns }: Context,
  from: Position,
): AsyncGenerator<{ readonly shard: Placed; readonly sample?: TarSample }> {
  const roots = await fileRoots(plan.locations, { links: 'within', storage: plan.storage })
  const options = {
    columns: plan.columns,
    wanted: (column: string) => !columns || columns.has(column),
  }
  let { offset } = from
  let found = from.after !== undefined
  for await (const shard of filesIn(roots, from.after, signal)) {
    if (shard.found.kind !== 'file' || !tarName.test(shard.found.path)) continue
    found = true
    const gzip = !/\.tar$/i.test(shard.found.path)
    const bytes = await shard.root.open(shard.found)
    try {
      for await (const sample of shardSamples(bytes, options, { gzip, from: offset, signal }))
        yield { shard, sample }
    } finally {
      await bytes.close()
    }
    yield { shard }
    offset = 0
  }
  if (found) return
  const where = plan.locations.join(', ')
  throw new ConnectorError(`Expected archives (.tar, .tar.gz, .tgz) in \`${where}\`, got none`, {
    url: where,
    retryable: false,
  })
}

function idIn(plan: Plan, { root, found }: Placed, sample: TarSample): string {
  const archive = plan.several ? `${idOf(root, found).replace(tarName, '')}/` : ''
  return `${plan.prefix}${archive}${pathText(sample.key)}`
}

function rowOf(sample: TarSample, id: string, { root, found }: Placed): Row {
  const { columns, ...row } = sample.row()
  const uri = `${root.uriOf(found)}#${pathText(sample.name ?? sample.key)}`
  return { id, uri, ...row, ...columns }
}

function batchOfRows(plan: Plan, rows: readonly Row[], { columns }: Context): RecordBatch {
  const { fields } = schemaOf(plan)
  const heavyOnes = ['image', ...plan.columns]
  const carried = fields.filter(
    (f) => !heavyOnes.includes(f.name) || !columns || columns.has(f.name),
  )
  return batchOf(
    carried.map((field) =>
      columnOf(
        field,
        rows.map((row) => row[field.name] ?? null),
      ),
    ),
  )
}
