import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromVoc, type FromVocOptions } from '../../connectors/from-voc.ts'
import { plainValues } from '../helpers/every-type.ts'
import { gather, type Gathered } from '../helpers/pictures.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'

let base: string
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'from-voc-'))
})
afterAll(() => rm(base, { recursive: true }))

async function tree(
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(base, name, path)), { recursive: true })
    await writeFile(join(base, name, path), content)
  }
  await mkdir(join(base, name), { recursive: true })
  return join(base, name)
}

function object(name: string, corners: readonly unknown[], more = ''): string {
  const [xmin, ymin, xmax, ymax] = corners.map(String)
  return `<object><name>${name}</name>${more}<bndbox><xmax>${xmax ?? ''}</xmax><xmin>${xmin ?? ''}</xmin>
    <ymin>${ymin ?? ''}</ymin><ymax>${ymax ?? ''}</ymax></bndbox></object>`
}

function xml(filename: string, ...objects: readonly string[]): string {
  return `<?xml version="1.0"?>
<annotation verified="yes">
  <folder>VOC2012</folder>
  <filename>${filename}</filename>
  <size><width>500</width><height>375</height><depth>3</depth></size>
  ${objects.join('\n')}
</annotation>`
}

const part =
  '<part><name>head</name><bndbox><xmin>7</xmin><ymin>7</ymin><xmax>8</xmax><ymax>8</ymax></bndbox></part>'

const plain = {
  'Annotations/1.xml': xml(
    '1.jpg',
    object('dog', [1, 1, 500, 375], '<difficult>1</difficult>'),
    object('dog', [10.5, 20, 12, 20], `<truncated>1</truncated>${part}`),
  ),
  'Annotations/2.xml': xml('2.jpg', object('cat', [2, 3, 4, 5]), object('a &amp; b', [1, 1, 1, 1])),
  'Annotations/3.xml': xml('3.png'),
  'Annotations/4.xml': xml('', object('cat', [2, 3, 4, 5])),
  'JPEGImages/1.jpg': 'one',
  'JPEGImages/2.jpg': 'two',
  'JPEGImages/3.png': 'three',
  'JPEGImages/4.jpg': 'four',
  'JPEGImages/5.jpg': 'five',
  'ImageSets/Main/train.txt': '1\n4\n',
  'ImageSets/Main/val.txt': '2\r\n',
  'ImageSets/Main/trainval.txt': '1\n2\n3 1\n',
}

async function read(folder: string, options?: FromVocOptions): Promise<Gathered> {
  return gather(fromVoc(folder, options))
}

function column({ batches }: Gathered, name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

describe('fromVoc', () => {
  it('reads pictures with their boxes, counted from 0', async () => {
    const folder = await tree('plain', plain)
    const got = await read(folder)
    expect(
      got.batches[0]?.schema.fields.slice(6).map((f) => `${f.name}: ${String(f.type)}`),
    ).toEqual([
      'width: Int32',
      'height: Int32',
      'boxes: List<FixedSizeList[4]<Float64>>',
      'box_labels: List<Utf8>',
      'box_difficult: List<Bool>',
      'box_truncated: List<Bool>',
    ])
    const names = ['1.jpg', '2.jpg', '3.png', '4.jpg']
    expect(column(got, 'id')).toEqual(names.map((name) => `JPEGImages/${name}`))
    expect(column(got, 'label')).toEqual(['dog', null, null, 'cat'])
    expect(column(got, 'split')).toEqual(['train', 'val', 'trainval', 'train'])
    expect(column(got, 'bytes')).toEqual([3, 3, 5, 4])
    expect(column(got, 'width')).toEqual([500, 500, 500, 500])
    expect(column(got, 'boxes')).toEqual([
      [
        [0, 0, 500, 375],
        [9.5, 19, 2.5, 1],
      ],
      [
        [1, 2, 3, 3],
        [0, 0, 1, 1],
      ],
      [],
      [[1, 2, 3, 3]],
    ])
    expect(column(got, 'box_labels')).toEqual([['dog', 'dog'], ['cat', 'a & b'], [], ['cat']])
    expect(column(got, 'box_difficult')).toEqual([[true, false], [false, false], [], [false]])
    expect(column(got, 'box_truncated')).toEqual([[false, true], [false, false], [], [false]])
    expect(String(await fromVoc(folder).schema())).toBe(String(got.batches[0]?.schema))
  })

  it('reads several of them below one folder, and files beside their pictures', async () => {
    const files = Object.entries(plain)
    const kit = await tree(
      'kit',
      Object.fromEntries<string>([
        ...files.map(([path, content]) => [`VOC2007/${path}`, content] as const),
        ...[...files.slice(1, 3), ...files.slice(5, 7)].map(
          ([path, content]) => [`VOC2012/${path}`, content] as const,
        ),
      ]),
    )
    const got = await read(kit, { name: 'voc' })
    expect(column(got, 'id').slice(3, 5)).toEqual([
      'voc/VOC2007/JPEGImages/4.jpg',
      'voc/VOC2012/JPEGImages/2.jpg',
    ])
    expect(column(got, 'split').slice(3)).toEqual(['train', null, null])
    const flat = await tree('flat', { 'a/1.xml': xml('x.png'), 'a/x.png': 'x', 'a/2.jpg': 'y' })
    const beside = await read(flat, { split: 'test' })
    expect(column(beside, 'id')).toEqual(['a/x.png'])
    expect(column(beside, 'split')).toEqual(['test'])
    const rooted = await read(flat, { root: join(flat, 'a') })
    expect(column(rooted, 'id')).toEqual(['x.png'])
  })

  it('says what is at fault, and goes on behind it', async () => {
    const entity = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    const folder = await tree('faults', {
      'a.xml': xml(
        'a.png',
        object('dog', [5, 5, 4, 9]),
        object('dog', [1, 1, 'x', 9]),
        object('cat', [1, 1, 2, 2]),
      ),
      'a.png': 'a',
      'b.xml': xml('../secret.png'),
      'c.xml': xml('none.png'),
      'd.xml': '<html></html>',
      'e.xml': xml('e.png').slice(0, -20),
      'f.xml': `${entity}${xml('&b;.png')}`,
      'g.xml': `<annotation>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</annotation>`,
      'h.xml': Buffer.from([0xff, 0xfe, 0x3c]),
      'i.xml': '',
      'j.xml': xml('a.png'),
    })
    await writeFile(join(base, 'secret.png'), 'secret')
    const got = await read(folder, { onError: 'reject' })
    expect(column(got, 'id')).toEqual(['a.png', 'a.png'])
    expect(column(got, 'box_labels')).toEqual([['cat'], []])
    expect(got.rejects.map(({ id, code }) => [id, code])).toEqual([
      ['a.xml#0', 'FORMAT'],
      ['a.xml#1', 'FORMAT'],
      ['../secret.png', 'OUTSIDE'],
      ['none.png', 'MISSING'],
      ['d.xml', 'FORMAT'],
      ['e.xml', 'FORMAT'],
      ['f.xml', 'FORMAT'],
      ['g.xml', 'FORMAT'],
      ['h.xml', 'FORMAT'],
      ['i.xml', 'FORMAT'],
    ])
    expect(got.rejects[4]?.message).toBe('Expected the XML of an `annotation`, got `html`')
    expect(got.rejects[7]?.message).toBe('Expected at most 16 levels of XML, got more')
    await expect(read(folder)).rejects.toMatchObject({ code: 'DATA', url: folder })
  })

  it.each([1, 3, 100])('goes on after every value, in batches of %i', async (batchRows) => {
    const folder = await tree('resume', { ...plain, 'Annotations/15.xml': '<a/>' })
    const flow = () => fromVoc(folder, { batchRows, onError: 'reject' })
    const whole = await came(flow())
    expect([whole.rows.length, whole.rejects.length]).toEqual([4, 1])
    let parts = 0
    for (let after; (after = await cameInTwo(flow, 'fromVoc', parts + 1)); parts++)
      expect(after).toEqual(whole)
    expect(parts).toBeGreaterThanOrEqual(Math.ceil(5 / batchRows))
  })

  it('reads no picture when nobody wants them, and stops when it is left', async () => {
    const folder = await tree('early', plain)
    const { batches } = await gather(fromVoc(folder), { columns: [] })
    expect(batches[0]?.schema.fields.map((f) => f.name)).not.toContain('image')
    const first = await lastValueFrom(fromVoc(folder, { batchRows: 1 }).pipe(take(1)))
    expect(first.numRows).toBe(1)
  })

  it('fails on a folder that is missing, or has no XML file', async () => {
    const none = join(base, 'none')
    await expect(read(none)).rejects.toMatchObject({ code: 'CONNECTOR', url: none })
    const empty = await tree('empty', { 'a.jpg': 'a' })
    await expect(read(empty)).rejects.toMatchObject({
      ...{ code: 'CONNECTOR', url: empty, retryable: false },
      message: `Expected XML files of VOC in \`${empty}\`, got none`,
    })
  })
})
