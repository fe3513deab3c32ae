import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import * as flechette from '@uwdata/flechette'
import { type RecordBatch, RecordBatchFileWriter, RecordBatchStreamWriter } from 'apache-arrow'
import { pack } from 'tar-stream'
import { batchOf, textColumn } from '../../src/batch/batch.ts'
import { compressedArrow } from './compressed-arrow.ts'
import { everyType } from './every-type.ts'
import { writers } from './parquet-engines.ts'
import { noise } from './pictures.ts'
import { tarArchive, tarMember } from './tar-blocks.ts'

/** Files by name. */
export type Files = Readonly<Record<string, Uint8Array>>

/** Parquet of five libraries: all codecs, pages of both versions, nested columns; or of those named. */
export async function parquetFiles(names = writers.map((each) => each.name)): Promise<Files> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-files-'))
  const files: Record<string, Uint8Array> = {}
  for (const { name, write } of writers.filter((each) => names.includes(each.name))) {
    const path = join(folder, 'written.parquet')
    await write(path)
    files[name] = await readFile(path)
    await rm(path)
  }
  await rm(folder, { recursive: true })
  return files
}

/** Arrow IPC, files and streams, of flechette and apache-arrow, compressed and not. */
export function arrowFiles(): Promise<Files> {
  const ids = textColumn('id', ['a', 'b', 'c', 'd', 'e'])
  const rows = batchOf([ids, ...everyType])
  const few = batchOf([ids, ...everyType.slice(0, 4), ...everyType.slice(-6)])
  const theirs = flechette.tableFromColumns({
    text: flechette.columnFromArray(['', null, 'naïve', 'a longer text', 'e'], flechette.utf8()),
    word: flechette.columnFromArray(
      ['x', null, 'y', 'x', 'z'],
      flechette.dictionary(flechette.utf8(), flechette.int16()),
    ),
    list: flechette.columnFromArray(
      [[1], null, [], [2, 3], [4]],
      flechette.list(flechette.int32()),
    ),
  } as never)
  const files: Record<string, Uint8Array> = {}
  for (const format of ['file', 'stream'] as const) {
    files[`apache-arrow, ${format}`] = arrowOf([rows, rows.slice(1, 4)], format)
    files[`flechette, ${format}`] = flechette.tableToIPC(theirs, { format }) as Uint8Array
    for (const codec of ['lz4', 'zstd'] as const)
      files[`${codec}, ${format}`] = compressedArrow([few, few], { codec, format })
  }
  return Promise.resolve(files)
}

/** Arrow IPC of apache-arrow. */
export function arrowOf(batches: readonly RecordBatch[], format: 'file' | 'stream'): Uint8Array {
  const writer = format === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter()
  for (const batch of batches) writer.write(batch)
  return writer.finish().toUint8Array(true)
}

/** Tar archives: ustar, pax, GNU, and of before 1988. */
export async function tarFiles(): Promise<Files> {
  const members = [
    ['a/000.jpg', 'a picture'],
    ['a/000.cls', '7'],
    ['a/001.png', 'a'.repeat(700)],
    ['a/001.json', '{"label":"dog","width":3}'],
    ['b.txt', 'a caption'],
  ] as const
  const long = `${'long/'.repeat(60)}naïve`
  const all = (magic: 'ustar\u000000' | 'ustar  \0' | '') =>
    members.map(([name, content]) => tarMember(name, content, { magic }))
  const gnu = [`${long}.jpg`, `${long}.cls`].flatMap((name) => [
    tarMember('././@LongLink', `${name}\0`, { type: 'L', magic: 'ustar  \0' }),
    tarMember(name.slice(0, 99), '1', { magic: 'ustar  \0' }),
  ])
  const pax = pack()
  for (const [name, content] of members) pax.entry({ name }, content)
  pax.entry({ name: `${long}.jpg` }, 'a picture')
  pax.entry({ name: 'link.jpg', type: 'symlink', linkname: '../../etc/passwd' })
  pax.finalize()
  return {
    ustar: tarArchive(...all('ustar\u000000'), tarMember('e.cls', '1', { prefix: 'deep/er' })),
    'older than ustar': tarArchive(...all('')),
    GNU: tarArchive(...all('ustar  \0'), ...gnu),
    'pax of tar-stream': await buffer(pax as AsyncIterable<Uint8Array>),
  }
}

/** The archives, compressed. */
export async function gzippedTarFiles(): Promise<Files> {
  return mapped(await tarFiles(), (bytes) => gzipSync(bytes))
}

/** Small pictures of the six formats, with and without what else these can have. */
export async function pictureFiles(): Promise<Files> {
  const picture = noise(24, 16)
  const turned = picture.clone().withMetadata({ orientation: 6 })
  const clear = picture.clone().ensureAlpha(0.5)
  return {
    JPEG: await turned.jpeg().toBuffer(),
    'JPEG, progressive': await picture.clone().jpeg({ progressive: true }).toBuffer(),
    PNG: await clear.png().toBuffer(),
    'PNG, interlaced, palette': await clear.png({ progressive: true, palette: true }).toBuffer(),
    WebP: await clear.webp().toBuffer(),
    'WebP, lossless': await picture.clone().webp({ lossless: true }).toBuffer(),
    GIF: await clear.gif().toBuffer(),
    TIFF: await turned.tiff({ compression: 'lzw' }).toBuffer(),
    'TIFF, tiled': await picture.clone().tiff({ tile: true, compression: 'jpeg' }).toBuffer(),
    AVIF: await clear.avif().toBuffer(),
  }
}

/** Texts as files. */
export function textFiles(texts: Readonly<Record<string, string>>): Promise<Files> {
  return Promise.resolve(mapped(texts, (text) => Buffer.from(text)))
}

function mapped<T>(
  values: Readonly<Record<string, T>>,
  change: (value: T) => Uint8Array,
): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}
