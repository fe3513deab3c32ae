import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromArrow } from '../../connectors/from-arrow.ts'
import { fromCoco } from '../../connectors/from-coco.ts'
import { fromCsv } from '../../connectors/from-csv.ts'
import { fromJsonl } from '../../connectors/from-jsonl.ts'
import { fromParquet } from '../../connectors/from-parquet.ts'
import { fromTar } from '../../connectors/from-tar.ts'
import { fromVoc } from '../../connectors/from-voc.ts'
import { fromYolo } from '../../connectors/from-yolo.ts'
import { type Flow, flowOf } from '../../src/flow/flow.ts'
import { ParquetThread } from '../../src/parquet/parquet-thread.ts'
import { damaged, Dice } from '../helpers/damage.ts'
import {
  arrowFiles,
  type Files,
  gzippedTarFiles,
  parquetFiles,
  pictureFiles,
  tarFiles,
  textFiles,
} from '../helpers/fuzz-files.ts'
import {
  cocoTexts,
  csvTexts,
  jsonlTexts,
  vocTexts,
  yamlTexts,
  yoloTexts,
} from '../helpers/fuzz-manifests.ts'
import { fuzzRuns, fuzzSeed, outcomeOf } from '../helpers/fuzz.ts'
import { parquetRows } from '../helpers/parquet-rows.ts'
import { plain } from '../helpers/pictures.ts'

/** What is fuzzed: files that are damaged, each put at `path` of a folder, which is then read. */
interface Format {
  readonly name: string
  readonly files: () => Promise<Files>
  readonly path: string
  readonly open: (folder: string) => Flow<RecordBatch>
  /** How many inputs CI tries. */
  readonly inputs: number
  /** Rows and rejected ones that there are in any case, where that is known. */
  readonly total?: number
}

const reject = { onError: 'reject' } as const

/** Starting a thread takes longer than reading a small file. */
const thread = new ParquetThread()
afterAll(() => thread.close())

const formats: readonly Format[] = [
  {
    name: 'fromParquet',
    files: () => parquetFiles(['DuckDB, zstd, pages of v2', 'hyparquet-writer']),
    path: 'x.parquet',
    open: (folder) => fromParquet(join(folder, 'x.parquet'), { threads: 1 }),
    inputs: 20,
  },
  {
    name: 'ParquetTable',
    files: () => parquetFiles(),
    path: 'x.parquet',
    open: (folder) => flowOf(parquetRows(join(folder, 'x.parquet'), thread)),
    inputs: 300,
  },
  {
    name: 'fromArrow',
    files: arrowFiles,
    path: 'x.arrow',
    open: (folder) => fromArrow(join(folder, 'x.arrow')),
    inputs: 400,
  },
  {
    name: 'fromTar',
    files: tarFiles,
    path: 'x.tar',
    open: (folder) => fromTar(join(folder, 'x.tar'), reject),
    inputs: 250,
  },
  {
    name: 'fromTar, gzip',
    files: gzippedTarFiles,
    path: 'x.tar.gz',
    open: (folder) => fromTar(join(folder, 'x.tar.gz'), reject),
    inputs: 100,
  },
  {
    name: 'fromCsv',
    files: () => textFiles(csvTexts),
    path: 'x.csv',
    open: (folder) => fromCsv(join(folder, 'x.csv'), reject),
    inputs: 250,
  },
  {
    name: 'fromJsonl',
    files: () => textFiles(jsonlTexts),
    path: 'x.jsonl',
    open: (folder) => fromJsonl(join(folder, 'x.jsonl'), reject),
    inputs: 250,
  },
  {
    name: 'fromCoco',
    files: () => textFiles(cocoTexts),
    path: 'x.json',
    open: (folder) => fromCoco(join(folder, 'x.json'), reject),
    inputs: 250,
  },
  {
    name: 'fromVoc',
    files: () => textFiles(vocTexts),
    path: 'Annotations/1.xml',
    open: (folder) => fromVoc(folder, reject),
    inputs: 200,
    total: 1,
  },
  {
    name: 'fromYolo, labels',
    files: () => textFiles(yoloTexts),
    path: 'labels/1.txt',
    open: (folder) => fromYolo(folder, reject),
    inputs: 150,
    total: 3,
  },
  {
    name: 'fromYolo, pictures',
    files: pictureFiles,
    path: 'images/2.png',
    open: (folder) => fromYolo(folder, reject),
    inputs: 100,
    total: 4,
  },
  {
    name: 'fromYolo, data.yaml',
    files: () => textFiles(yamlTexts),
    path: 'data.yaml',
    open: (folder) => fromYolo(folder, reject),
    inputs: 150,
  },
]

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  const picture = await plain(24, 16).png().toBuffer()
  const pictures = ['1.png', '2.png', 'JPEGImages/1.jpg', 'images/1.png', 'images/val/2.png']
  for (const path of pictures) await put(path, picture)
  await put('data.yaml', yamlTexts.usual)
})
afterAll(() => rm(folder, { recursive: true }))

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

/** What this process may take more than at first, all inputs together. */
const limitBytes = 2 ** 29
let bytesBefore: number
beforeAll(() => {
  bytesBefore = process.memoryUsage().rss
})

describe.each(formats)('$name', ({ files, path, open, inputs, total }) => {
  let whole: Files
  beforeAll(async () => {
    whole = await files()
  })

  it('reads the files before they are damaged', async () => {
    for (const [name, bytes] of Object.entries(whole)) {
      await put(path, bytes)
      const { rows, error, fault } = await outcomeOf(() => open(folder), folder)
      expect({ name, error, fault, read: rows > 0 }).toEqual({ name, read: true })
    }
  })

  it('reads them, rejects or fails as it should, however they are damaged', async () => {
    const faults: string[] = []
    let failed = 0
    for (let index = 0; index < inputs * fuzzRuns; index++) {
      const { how, bytes } = damaged(whole, new Dice(fuzzSeed, index))
      await put(path, bytes)
      const { rows, rejects, error, fault } = await outcomeOf(() => open(folder), folder)
      if (error !== undefined) failed++
      // An object or a line that is left out alone is named after a #.
      const came = rows + rejects.filter(({ id }) => !id.includes('#')).length
      const short = error === undefined && came !== (total ?? came) && `${String(came)} rows`
      const wrong = fault ?? short
      if (wrong)
        faults.push(
          `MILLRACE_FUZZ_SEED=${String(fuzzSeed)}, input ${String(index)}, ${how}: ${wrong}`,
        )
    }
    expect(faults).toEqual([])
    expect(failed).toBeLessThan(inputs * fuzzRuns)
  }, 600_000)
})

it('takes no memory for what headers claim', () => {
  const most = 1024 * process.resourceUsage().maxRSS
  expect(most - bytesBefore).toBeLessThan(limitBytes)
})
