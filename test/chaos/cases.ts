import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vectorRows } from './inputs.ts'

/** A run that is killed and compared with one that is not. */
export interface Case {
  readonly name: string
  /** The command that reads `inputs` and writes everything under `out`; `data` is a copy of the inputs in a bucket. */
  readonly args: (inputs: string, out: string, data?: string) => readonly string[]
  /**
   * Whether `out` is in a bucket.
   *
   * @default false
   */
  readonly inBucket?: boolean
  /**
   * Whether its checkpoints are kept in a bucket.
   *
   * @default false
   */
  readonly keptInBucket?: boolean
  /** Ids of all rows of the inputs. */
  readonly ids: (inputs: string) => readonly string[]
  /** Files, or folders of parts, with one row for each item that is no reject. */
  readonly tables: readonly string[]
  /** The file, or folder of parts, with one row for each reject. */
  readonly rejects: string | undefined
  /**
   * What is the same as in a run that is not killed: every `byte`, or the rows in their order (as parts are
   * cut where the checkpoints come), or the `set` of rows (as flows merge in the order in which rows arrive).
   */
  readonly same: 'bytes' | 'rows' | 'set'
}

const pipeline = fileURLToPath(new URL('./pipeline.ts', import.meta.url))
const sinkTables: Readonly<Record<string, readonly string[]>> = {
  parquet: ['items.parquet'],
  jsonl: ['items.jsonl'],
  parts: ['parts'],
  both: ['items.parquet', 'lines.jsonl'],
  spilled: ['items.parquet', 'lines.jsonl'],
  groups: ['items.parquet'],
}

const damaged = new Set([
  'train/birds/bad_html.webp',
  'train/desserts/bad_truncated.png',
  'train/desserts/no_picture.jpg',
])

/** Sources, chains and sinks of `pipeline.ts` that are tried together. */
const pipelines = [
  ...['files plain parquet', 'files fit both', 'files online jsonl', 'files duplicates groups'],
  ...['watched plain parquet'],
  ...[
    'rows plain jsonl',
    'parquet plain jsonl',
    'parquet fit parquet',
    'parquet online both',
    'rows plain both',
  ],
  ...['rows fit jsonl', 'rows online parquet', 'rows plain spilled', 'rows online spilled'],
  ...['concat plain parquet', 'concat fit parquet', 'concat online jsonl'],
  ...['merge plain parquet', 'merge plain both', 'unbounded plain parts', 'unbounded online parts'],
] as const

/** Those whose pictures, rows and outputs are in a bucket. */
const bucketPipelines = [
  's3 files plain parquet',
  's3 parquet plain both',
  's3 rows fat jsonl',
  's3 unbounded plain parts',
] as const

/** Those whose checkpoints are kept in a bucket. */
const keptPipelines = ['kept rows online parquet'] as const

type Pipeline = (typeof pipelines)[number]
type KeptPipeline = (typeof keptPipelines)[number]
type BucketPipeline = (typeof bucketPipelines)[number]
type Workflow = 'report' | 'fit' | 'score'

/** Name of a case. */
export type CaseName = Pipeline | BucketPipeline | KeptPipeline | Workflow

/** Every case, by name. */
export const cases: Readonly<Record<CaseName, Case>> = {
  ...(Object.fromEntries(pipelines.map((name) => [name, pipelineCase(name)])) as Readonly<
    Record<Pipeline, Case>
  >),
  ...(Object.fromEntries(
    bucketPipelines.map((name) => [name, { ...pipelineCase(name.slice(3)), name, inBucket: true }]),
  ) as Readonly<Record<BucketPipeline, Case>>),
  ...(Object.fromEntries(
    keptPipelines.map((name) => [
      name,
      { ...pipelineCase(name.slice(5)), name, keptInBucket: true },
    ]),
  ) as Readonly<Record<KeptPipeline, Case>>),
  report: {
    ...workflow('report', (out) => ['--out', join(out, 'report')]),
    tables: ['report/items.parquet', 'report/embeddings.parquet'],
    rejects: 'report/rejects.parquet',
  },
  fit: workflow('fit', (out) => ['--out', join(out, 'models')]),
  score: {
    ...workflow('score', (out, inputs) => [
      ...['--models', join(inputs, 'models'), '--out', join(out, 'scores.parquet')],
    ]),
    // It writes no rejects.
    ids: (inputs) => idsOf('files', inputs).filter((id) => !damaged.has(id)),
    tables: ['scores.parquet'],
  },
}

/** The arguments that fit the models which the case `score` reads. */
export function fitForScore(inputs: string): readonly string[] {
  return workflow('fit', () => ['--out', join(inputs, 'models')]).args(inputs, '')
}

function pipelineCase(name: string): Case {
  const [source, chain, sink] = name.split(' ') as [string, string, string]
  const unbounded = source === 'unbounded'
  const rejects = unbounded ? 'rejects' : 'rejects.parquet'
  return {
    name,
    args: (inputs, out, data) => [
      ...['run', pipeline, source, chain, sink, inputs, out, ...(data ? [data] : [])],
      ...['--json', '--quiet', '--rejects', `${out}/${rejects}`],
    ],
    ids: (inputs) => idsOf(source, inputs),
    tables: sinkTables[sink] ?? [],
    rejects,
    same: unbounded ? 'rows' : source === 'merge' ? 'set' : 'bytes',
  }
}

function workflow(
  name: Workflow,
  options: (out: string, inputs: string) => readonly string[],
): Case {
  return {
    name,
    args: (inputs, out) => [
      ...[name, join(inputs, 'pictures'), '--model', join(inputs, 'tiny.onnx')],
      ...['--json', '--quiet', ...options(out, inputs)],
    ],
    ids: (inputs) => idsOf('files', inputs),
    tables: [],
    rejects: undefined,
    same: 'bytes',
  }
}

function idsOf(source: string, inputs: string): readonly string[] {
  switch (source) {
    case 'files':
    case 'watched':
      return picturesIn(join(inputs, 'pictures'))
    case 'parquet':
      return numbered('a', vectorRows)
    case 'rows':
    case 'unbounded':
      return numbered('r', 100)
    default:
      return [...numbered('a', vectorRows), ...numbered('b', vectorRows)]
  }
}

function picturesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  )
}

function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${String(i)}`)
}
