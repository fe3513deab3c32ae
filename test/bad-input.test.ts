import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { fromArrow, type FromArrowOptions } from '../connectors/from-arrow.ts'
import { fromCoco } from '../connectors/from-coco.ts'
import { fromCsv, type FromCsvOptions } from '../connectors/from-csv.ts'
import { fromFiles } from '../connectors/from-files.ts'
import { fromJsonl, type FromJsonlOptions } from '../connectors/from-jsonl.ts'
import { fromParquet, type FromParquetOptions } from '../connectors/from-parquet.ts'
import { fromTar } from '../connectors/from-tar.ts'
import { fromVoc } from '../connectors/from-voc.ts'
import { fromYolo } from '../connectors/from-yolo.ts'
import { toParquet } from '../connectors/to-parquet.ts'
import { batchOf as wideBatch, int32Column } from '../src/batch/batch.ts'
import { FlowError } from '../src/errors.ts'
import { type Flow, flowOf } from '../src/flow/flow.ts'
import { batchOf } from './helpers/batches.ts'
import { pageFile } from './helpers/crafted-parquet.ts'
import { arrowOf } from './helpers/fuzz-files.ts'
import { cocoTexts, vocTexts } from './helpers/fuzz-manifests.ts'
import { outcomeOf } from './helpers/fuzz.ts'
import { plain } from './helpers/pictures.ts'
import { tarArchive, tarHeader, tarMember } from './helpers/tar-blocks.ts'

/** A link to a path, among files. */
class Link {
  readonly to: string
  constructor(to: string) {
    this.to = to
  }
}

type Content = string | Uint8Array | Link

/** What is put into a folder, by path; the name of a file whose name is not UTF-8 is in Latin-1. */
type Tree = Readonly<Record<string, Content>>

/** The case, what is there, what comes: rows and codes of rejects, or the code of the error. */
type Case<O = object> = readonly [name: string, tree: Tree, comes: string, options?: O | undefined]

const reject = { onError: 'reject' } as const
const picture: Uint8Array = await plain(24, 16).png().toBuffer()
const rows = batchOf([
  { id: 'a', x: 1 },
  { id: 'b', x: 2 },
])
const others = batchOf([{ id: 'a', y: 'text' }])
const names = Array.from({ length: 10_000 }, (_, i) => `c${String(i)}`)
const wide = wideBatch(names.map((name) => int32Column(name, [1])))
const arrow = (batch: RecordBatch) => arrowOf([batch], 'file')
const parquet = async (batch: RecordBatch) => {
  const path = join(folder, 'made.parquet')
  await lastValueFrom(flowOf([batch]).pipe(toParquet(path)))
  return readFile(path)
}
const folder = await mkdtemp(join(tmpdir(), 'bad-input-'))
afterAll(() => rm(folder, { recursive: true }))
const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1)
const text = 'neither this nor that, but long enough to be looked at. '.repeat(20)
const long = 'x'.repeat(240)

const filesCases: readonly Case[] = [
  ['missing', {}, 'CONNECTOR'],
  ['an empty folder', { 'in/notes.txt': 'x' }, 'CONNECTOR'],
  ['an empty file', { 'in/a.png': '', 'in/b.png': picture }, '2 rows'],
  [
    'a loop of links',
    { 'in/a.png': picture, 'in/up': new Link('..'), 'in/self': new Link('.') },
    '1 row, OUTSIDE',
  ],
  ['a link to itself', { 'in/a.png': picture, 'in/b.png': new Link('b.png') }, '1 row, UNREADABLE'],
  [
    'a link that leads out',
    { 'in/a.png': picture, 'b.png': picture, 'in/b.png': new Link('../b.png') },
    '1 row, OUTSIDE',
  ],
  ['names that are not UTF-8', { 'in/\xfe.png': picture, 'in/\xff.png': picture }, '2 rows'],
  ['very long names', { [`in/${long}/${long}/${long}.png`]: picture }, '1 row'],
  [
    'unreadable among readable',
    { 'in/a.png': new Link('gone'), 'in/b.png': picture },
    '1 row, UNREADABLE',
  ],
]

const parquetCases: readonly Case<FromParquetOptions>[] = [
  ['missing', {}, 'CONNECTOR'],
  ['an empty folder', { 'in/notes.txt': 'x' }, 'CONNECTOR'],
  ['empty', { in: '' }, 'DATA'],
  ['cut', { in: half(await parquet(rows)) }, 'DATA'],
  ['text', { in: text }, 'DATA'],
  ['Arrow', { in: arrow(rows) }, 'DATA'],
  ['without the column', { in: await parquet(rows) }, 'SCHEMA', { columns: ['z'] }],
  [
    'mixed schemas',
    { 'in/1.parquet': await parquet(rows), 'in/2.parquet': await parquet(others) },
    '2 rows, SCHEMA',
  ],
  [
    'a row group that claims 4 GB',
    { in: pageFile({ body: new Uint8Array(8), rawBytes: 8, values: 2 ** 30 }) },
    'DATA',
  ],
  [
    'a page that claims 2 GB',
    { in: pageFile({ body: new Uint8Array(8), rawBytes: 2 ** 31 - 1, values: 2 }) },
    'DATA',
  ],
  ['a loop of links', { 'in/1.parquet': await parquet(rows), 'in/up': new Link('.') }, '2 rows'],
  ['names that are not UTF-8', { 'in/\xff.parquet': await parquet(rows) }, '2 rows'],
  [
    'unreadable among readable',
    { 'in/1.parquet': await parquet(rows), 'in/2.parquet': new Link('gone') },
    '2 rows, CONNECTOR',
  ],
]

const arrowCases: readonly Case<FromArrowOptions>[] = [
  ['missing', {}, 'CONNECTOR'],
  ['a folder', { 'in/1.arrow': arrow(rows) }, 'CONNECTOR'],
  ['empty', { in: '' }, 'DATA'],
  ['cut', { in: half(arrow(rows)) }, 'DATA'],
  ['a stream, cut', { in: arrowOf([rows, rows], 'stream').subarray(0, -100) }, '2 rows, DATA'],
  ['text', { in: text }, 'DATA'],
  ['Parquet', { in: await parquet(rows) }, 'DATA'],
  ['without the column', { in: arrow(rows) }, 'SCHEMA', { columns: ['z'] }],
  ['ids that are no texts', { in: arrow(rows) }, 'SCHEMA', { idColumn: 'x' }],
  ['10,000 columns', { in: arrow(wide) }, '1 row'],
  ['a record batch beyond the bound', { in: arrow(wide) }, 'DATA', { recordBatchBytes: 1000 }],
]

const tarCases: readonly Case[] = [
  ['missing', {}, 'CONNECTOR'],
  ['an empty folder', { 'in/notes.txt': 'x' }, 'CONNECTOR'],
  ['empty', { 'in/x.tar': '' }, 'DATA'],
  [
    'cut',
    { 'in/x.tar': half(tarArchive(tarMember('a.jpg', text), tarMember('b.jpg', text))) },
    'DATA',
  ],
  ['text', { 'in/x.tar': text }, 'DATA'],
  ['gzip that is none', { 'in/x.tar.gz': text }, 'DATA'],
  [
    'zip-slip names',
    {
      'in/x.tar': tarArchive(
        ...['../../a.jpg', '/etc/b.jpg', 'c/../../d.jpg', 'e.jpg'].map((name) =>
          tarMember(name, 'x'),
        ),
      ),
    },
    '1 row, OUTSIDE OUTSIDE OUTSIDE',
  ],
  [
    'links',
    { 'in/x.tar': tarArchive(tarMember('a.jpg', '', { type: '2' }), tarMember('b.jpg', 'x')) },
    '1 row',
  ],
  [
    'a member that claims 4 GB',
    { 'in/x.tar': tarArchive(tarHeader({ name: 'a.jpg', size: 2 ** 32 })) },
    'DATA',
  ],
  [
    'a name that is not UTF-8',
    { 'in/x.tar': tarArchive(tarMember(Buffer.from('\xff.jpg', 'latin1'), 'x')) },
    '1 row',
  ],
  [
    'a very long name',
    {
      'in/x.tar': tarArchive(
        tarMember('././@LongLink', `${`${long}/`.repeat(50)}a.jpg\0`, {
          type: 'L',
          magic: 'ustar  \0',
        }),
        tarMember('a', 'x', { magic: 'ustar  \0' }),
      ),
    },
    '1 row',
  ],
  [
    'bad JSON among good',
    { 'in/x.tar': tarArchive(tarMember('a.json', '{'), tarMember('b.json', '{}')) },
    '1 row, FORMAT',
  ],
]

const csvCases: readonly Case<FromCsvOptions>[] = [
  ['missing', {}, 'CONNECTOR'],
  ['empty', { in: '' }, 'DATA'],
  ['cut within quotes', { in: 'x,y\na,b\nc,"d' }, '1 row, FORMAT'],
  ['a picture', { in: picture }, 'DATA'],
  ['UTF-16', { in: Buffer.from('\ufeffx,y\na,b\n', 'utf16le') }, 'DATA'],
  ['without the column', { in: 'x\n1\n' }, 'SCHEMA', { idColumn: 'y' }],
  ['rows of another length', { in: 'x,y\na,b\nc\nd,e,f\n' }, '1 row, FORMAT FORMAT'],
  ['a value of another type', { in: 'x\n1\ntwo\n' }, '1 row, CAST', { types: { x: 'Int64' } }],
  ['10,000 columns', { in: `${names.join()}\n${names.map((_, i) => i).join()}\n` }, '1 row'],
  ['a row that is not UTF-8', { in: Buffer.from('x\n1\n\xff\n', 'latin1') }, '1 row, FORMAT'],
  [
    'paths that lead out',
    { in: 'path\n../a.png\n/etc/passwd\nfile:///etc/passwd\nb.png\n', 'b.png': picture },
    '1 row, OUTSIDE OUTSIDE OUTSIDE',
  ],
  [
    'a very long path',
    { in: `path\n${`${long}/`.repeat(50)}a.png\nb.png\n`, 'b.png': picture },
    '1 row, MISSING',
  ],
  [
    'a link to itself',
    { in: 'path\na.png\nb.png\n', 'a.png': new Link('a.png'), 'b.png': picture },
    '1 row, UNREADABLE',
  ],
  [
    'unreadable among readable',
    { in: 'path\na.png\nb.png\n', 'a.png/x': '', 'b.png': picture },
    '1 row, UNREADABLE',
  ],
]

const jsonlCases: readonly Case<FromJsonlOptions>[] = [
  ['missing', {}, 'CONNECTOR'],
  ['empty', { in: '' }, 'DATA'],
  ['cut', { in: '{"x":1}\n{"x":' }, '1 row, FORMAT'],
  ['a picture', { in: picture }, 'DATA'],
  ['CSV', { in: 'x,y\na,b\n' }, 'DATA'],
  ['without the column', { in: '{"x":1}\n' }, 'SCHEMA', { idColumn: 'y' }],
  [
    'a value of another type',
    { in: '{"x":1}\n{"x":"two"}\n' },
    '1 row, CAST',
    { types: { x: 'Int64' } },
  ],
  [
    '10,000 columns',
    { in: JSON.stringify(Object.fromEntries(names.map((name) => [name, 1]))) },
    '1 row',
  ],
  [
    'a line that is not UTF-8',
    { in: Buffer.from('{"x":"a"}\n{"x":"\xff"}\n', 'latin1') },
    '1 row, FORMAT',
  ],
  [
    'paths that lead out',
    { in: '{"path":"../a.png"}\n{"path":"b.png"}\n', 'b.png': picture },
    '1 row, OUTSIDE',
  ],
  [
    'a path with a NUL',
    { in: '{"path":"b.png\\u0000"}\n{"path":"b.png"}\n', 'b.png': picture },
    '1 row, UNREADABLE',
  ],
]

const cocoOf = (file_name: string) => cocoTexts.dense.replace('1.png', file_name)
const cocoPictures = { '1.png': picture, '2.png': picture, '3.png': picture }
const cocoCases: readonly Case[] = [
  ['missing', {}, 'CONNECTOR'],
  ['empty', { in: '' }, 'DATA'],
  ['cut', { in: half(Buffer.from(cocoTexts.dense)) }, 'DATA'],
  ['a picture', { in: picture }, 'DATA'],
  ['another JSON', { in: '{"a":[{"id":1}]}' }, 'DATA'],
  ['a path that leads out', { in: cocoOf('../1.png'), ...cocoPictures }, '2 rows, FORMAT OUTSIDE'],
  ['a picture that is missing', { in: cocoOf('x.png'), ...cocoPictures }, '2 rows, FORMAT MISSING'],
]

const vocCases: readonly Case[] = [
  ['missing', {}, 'CONNECTOR'],
  ['an empty folder', { 'in/notes.txt': 'x' }, 'CONNECTOR'],
  [
    'empty among others',
    { 'in/0.xml': '', 'in/1.xml': vocTexts.plain, 'in/1.jpg': picture },
    '1 row, FORMAT',
  ],
  [
    'cut',
    {
      'in/0.xml': half(Buffer.from(vocTexts.plain)),
      'in/1.xml': vocTexts.plain,
      'in/1.jpg': picture,
    },
    '1 row, FORMAT',
  ],
  [
    'another XML',
    { 'in/0.xml': '<html/>', 'in/1.xml': vocTexts.plain, 'in/1.jpg': picture },
    '1 row, FORMAT',
  ],
  [
    'a path that leads out',
    {
      'in/0.xml': vocTexts.plain.replace('1.jpg', '../../0.jpg'),
      'in/1.xml': vocTexts.plain,
      'in/1.jpg': picture,
    },
    '1 row, OUTSIDE',
  ],
  [
    'a loop of links',
    { 'in/1.xml': vocTexts.plain, 'in/1.jpg': picture, 'in/self': new Link('.') },
    '1 row',
  ],
]

const yolo = { 'in/data.yaml': 'train: images\nnames: [cat]\n', 'in/images/1.png': picture }
const yoloCases: readonly Case[] = [
  ['missing', {}, 'CONNECTOR'],
  ['empty', { ...yolo, 'in/data.yaml': '' }, 'DATA'],
  ['cut', { ...yolo, 'in/data.yaml': 'train: images\nnames: [a, ' }, 'DATA'],
  ['a picture', { ...yolo, 'in/data.yaml': picture }, 'DATA'],
  ['a path that leads out', { ...yolo, 'in/data.yaml': 'path: ..\ntrain: images\n' }, 'DATA'],
  [
    'a line of labels that is cut',
    { ...yolo, 'in/labels/1.txt': '0 0.5 0.5 0.1 0.1\n0 0.5' },
    '1 row, FORMAT',
  ],
  [
    'pictures that are none',
    { ...yolo, 'in/images/2.png': text, 'in/images/3.png': '' },
    '1 row, DAMAGED DAMAGED',
  ],
]

interface Source {
  readonly source: string
  readonly open: (location: string, options?: object) => Flow<RecordBatch>
  readonly cases: readonly Case[]
}

const table: readonly Source[] = [
  { source: 'fromFiles', open: (at) => fromFiles(at, reject), cases: filesCases },
  { source: 'fromParquet', open: fromParquet, cases: parquetCases },
  { source: 'fromArrow', open: fromArrow, cases: arrowCases },
  { source: 'fromTar', open: (at) => fromTar(at, reject), cases: tarCases },
  { source: 'fromCsv', open: (at, more) => fromCsv(at, { ...reject, ...more }), cases: csvCases },
  {
    source: 'fromJsonl',
    open: (at, more) => fromJsonl(at, { ...reject, ...more }),
    cases: jsonlCases,
  },
  { source: 'fromCoco', open: (at) => fromCoco(at, reject), cases: cocoCases },
  { source: 'fromVoc', open: (at) => fromVoc(at, reject), cases: vocCases },
  { source: 'fromYolo', open: (at) => fromYolo(at, reject), cases: yoloCases },
]

describe.each(table)('$source', ({ source, open, cases }) => {
  it.each(cases.map((each) => [each[0], each] as const))(
    '%s',
    async (name, [, tree, comes, options]) => {
      const base = join(folder, source, name.replaceAll(' ', '-'))
      await mkdir(base, { recursive: true })
      await put(base, tree)
      const { rows, rejects, error, fault } = await outcomeOf(
        () => open(join(base, 'in'), options),
        base,
      )
      expect(fault).toBeUndefined()
      const codes = rejects.map(({ code }) => code).join(' ')
      const parts = [rows > 0 && `${String(rows)} row${rows > 1 ? 's' : ''}`, codes, codeOf(error)]
      expect(parts.filter(Boolean).join(', ')).toBe(comes)
    },
  )
})

async function put(base: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const at = join(base, path)
    await mkdir(dirname(at), { recursive: true })
    if (content instanceof Link) await symlink(content.to, at)
    else await writeFile(/[\x80-\xff]/.test(path) ? Buffer.from(at, 'latin1') : at, content)
  }
}

function codeOf(error: unknown): string {
  return error instanceof FlowError ? error.code : ''
}
