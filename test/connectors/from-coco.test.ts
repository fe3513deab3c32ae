import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromCoco, type FromCocoOptions } from '../../connectors/from-coco.ts'
import { plainValues } from '../helpers/every-type.ts'
import { gather, type Gathered, values } from '../helpers/pictures.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'from-coco-'))
  await mkdir(join(folder, 'annotations'))
  await mkdir(join(folder, 'val2017'))
  for (const name of ['1.jpg', '2.jpg', '3.jpg']) {
    await writeFile(join(folder, 'val2017', name), name)
    await writeFile(join(folder, name), name)
  }
})
afterAll(() => rm(folder, { recursive: true }))

const image = (id: unknown, file_name = `${String(id)}.jpg`) => ({
  id,
  file_name,
  width: 640,
  height: 480,
})
const annotation = (id: unknown, image_id: unknown, category_id: unknown, bbox: unknown) => ({
  ...{ segmentation: [[1.5, 2, 3, 4, 5, 510.66000000000003]], id, image_id, category_id, bbox },
  ...{ area: 12.5, iscrowd: 0 },
})
const categories = [
  { id: 18, name: 'dog', supercategory: 'animal' },
  { id: 90, name: 'tooth "brush"' },
]
const plain = {
  info: { description: 'images: [{"id": 1}]', nested: { images: [{ id: 7 }] } },
  licenses: [{ id: 1 }],
  images: [image(2), image(1), image(3)],
  annotations: [
    annotation(10, 1, 18, [0, 1.5, 20, 30]),
    { ...annotation(11, 2, 18, [5, 6, 7, 8]), iscrowd: 1 },
    annotation('x', 1, 90, [1, 2, 3, 4]),
    annotation(9007199254740993n, 2, 18, [9, 9, 9, 0]),
  ],
  categories,
}

function text(value: unknown): string {
  const marked = JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'bigint' ? `${String(v)}n` : v,
  )
  return marked.replace(/"(\d+)n"/g, '$1')
}

async function file(content: string, name = 'coco.json'): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

async function read(value: unknown, options?: FromCocoOptions): Promise<Gathered> {
  const content = typeof value === 'string' ? value : text(value)
  return gather(fromCoco(await file(content), options))
}

function column({ batches }: Gathered, name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

describe('fromCoco', () => {
  it.each([
    ['in the usual order', plain],
    ['with the images last', Object.fromEntries(Object.entries(plain).reverse())],
  ])('reads images with their boxes, %s', async (_, value) => {
    const got = await read(value)
    expect(got.batches[0]?.schema.fields.map((f) => `${f.name}: ${String(f.type)}`)).toEqual([
      'id: Utf8',
      'uri: Utf8',
      'label: Utf8',
      'split: Utf8',
      'image: Binary',
      'bytes: Int32',
      'width: Int32',
      'height: Int32',
      'boxes: List<FixedSizeList[4]<Float64>>',
      'box_labels: List<Utf8>',
      'box_ids: List<Int64>',
      'box_areas: List<Float64>',
      'box_crowds: List<Bool>',
    ])
    expect(column(got, 'id')).toEqual(['2.jpg', '1.jpg', '3.jpg'])
    expect(column(got, 'label')).toEqual(['dog', null, null])
    expect(column(got, 'width')).toEqual([640, 640, 640])
    expect(column(got, 'boxes')).toEqual([
      [
        [5, 6, 7, 8],
        [9, 9, 9, 0],
      ],
      [
        [0, 1.5, 20, 30],
        [1, 2, 3, 4],
      ],
      [],
    ])
    expect(column(got, 'box_labels')).toEqual([['dog', 'dog'], ['dog', 'tooth "brush"'], []])
    expect(column(got, 'box_ids')).toEqual([['11n', '9007199254740993n'], ['10n', null], []])
    expect(column(got, 'box_areas')).toEqual([[12.5, 12.5], [12.5, 12.5], []])
    expect(column(got, 'box_crowds')).toEqual([[true, false], [false, false], []])
    const pictures = values(got.batches, 'image').map((v) => String(Buffer.from(v as Uint8Array)))
    expect(pictures).toEqual(['2.jpg', '1.jpg', '3.jpg'])
    const schema = await fromCoco(join(folder, 'coco.json')).schema()
    expect(String(schema)).toBe(String(got.batches[0]?.schema))
  })

  it('finds the pictures where COCO has them, or in the root', async () => {
    const path = await file(text(plain), 'annotations/instances_val2017.json')
    const { batches } = await gather(fromCoco(path, { split: 'val', name: 'coco' }))
    expect(values(batches, 'id')).toEqual(['coco/2.jpg', 'coco/1.jpg', 'coco/3.jpg'])
    expect(values(batches, 'split')).toEqual(['val', 'val', 'val'])
    expect(values(batches, 'uri')[0]).toMatch(/\/val2017\/2\.jpg$/)
    const flat = await gather(fromCoco(path, { root: folder }))
    expect(values(flat.batches, 'uri')[0]).toMatch(/from-coco-[^/]*\/2\.jpg$/)
  })

  it('says what is at fault, and leaves out no more', async () => {
    const value = {
      images: [
        image(1),
        image(1, '2.jpg'),
        image(4, '1.jpg'),
        { id: 5 },
        image(6, '../annotations/x.jpg'),
        image(7, '../../etc/passwd'),
        image(8, 'none.jpg'),
        image(3),
      ],
      annotations: [
        annotation(1, 99, 18, [1, 2, 3, 4]),
        annotation(2, 1, 17, [1, 2, 3, 4]),
        annotation(3, 1, 18, [1, 2, 3]),
        annotation(4, 1, 18, [1, 2, 3, 'x']),
        annotation(5, 1, 18, [1, 2, 3, 4]),
        { id: 6, image_id: 3, category_id: 18 },
      ],
      categories,
    }
    const got = await read(value, { onError: 'reject' })
    expect(column(got, 'id')).toEqual(['1.jpg', '3.jpg'])
    expect(column(got, 'box_ids')).toEqual([['5n'], []])
    expect(got.rejects.map(({ id, code, message }) => [id, code, message.slice(0, 60)])).toEqual([
      ['annotation 1', 'FORMAT', 'Expected `image_id` to be that of one of the images, got 99'],
      ['annotation 2', 'FORMAT', 'Expected `category_id` to be that of one of the categories, '],
      ['annotation 3', 'FORMAT', 'Expected `bbox` to be four numbers, got something else'],
      ['annotation 4', 'FORMAT', 'Expected `bbox` to be four numbers, got something else'],
      ['annotation 6', 'FORMAT', 'Expected `bbox` to be four numbers, got something else'],
      ['2.jpg', 'FORMAT', 'Expected each image id once, got 1 again'],
      ['1.jpg', 'FORMAT', 'Expected each `file_name` once, got `1.jpg` again'],
      ['images#3', 'FORMAT', 'Expected an image to have `file_name`, got none'],
      ['../annotations/x.jpg', 'OUTSIDE', expect.any(String)],
      ['../../etc/passwd', 'OUTSIDE', expect.any(String)],
      ['none.jpg', 'MISSING', expect.any(String)],
    ])
    await expect(read(value)).rejects.toMatchObject({
      code: 'DATA',
      message:
        'Expected `image_id` to be that of one of the images, got 99 (fromCoco of `annotation 1`)',
    })
  })

  it('reads images that nobody has annotated', async () => {
    const got = await read({ images: [image(1)], categories })
    expect(column(got, 'boxes')).toEqual([[]])
  })

  it('reads a file that comes in small pieces, and objects larger than one', async () => {
    const long = { ...annotation(1, 1, 18, [1, 2, 3, 4]), note: '}]"\\'.repeat(100_000) }
    const got = await read({ ...plain, annotations: [long, ...plain.annotations] })
    expect(column(got, 'box_ids')).toEqual([['11n', '9007199254740993n'], ['1n', '10n', null], []])
  })

  it.each([1, 2, 100])('goes on after every value, in batches of %i', async (batchRows) => {
    const value = {
      images: [image(1), image(1, 'x.jpg'), image(2), image(8), image(3)],
      annotations: [annotation(1, 5, 18, [1, 2, 3, 4]), annotation(2, 6, 18, [1, 2, 3, 4])],
      categories,
    }
    const path = await file(text(value))
    const flow = () => fromCoco(path, { batchRows, onError: 'reject' })
    const whole = await came(flow())
    expect([whole.rows.length, whole.rejects.length]).toEqual([3, 4])
    let parts = 0
    for (let after; (after = await cameInTwo(flow, 'fromCoco', parts + 1)); parts++)
      expect(after).toEqual(whole)
    expect(parts).toBeGreaterThanOrEqual(Math.ceil(7 / batchRows))
  })

  it('stops when it is left', async () => {
    const first = await lastValueFrom(
      fromCoco(await file(text(plain)), { batchRows: 1 }).pipe(take(1)),
    )
    expect(first.numRows).toBe(1)
  })

  it.each([
    ['is empty', '', 'Expected a JSON object in FILE, got nothing'],
    ['is cut', text(plain).slice(0, -30), 'Expected a JSON object in FILE, got one that is cut'],
    [
      'is cut in a string',
      text(plain).slice(0, 25),
      'Expected a JSON object in FILE, got one that is cut',
    ],
    ['is a list', '[{"images": []}]', 'Expected FILE to be one JSON object, got something else'],
    ['is no JSON', 'path,label', 'Expected FILE to be one JSON object, got something else'],
    [
      'goes on behind its end',
      `${text(plain)}}`,
      'Expected FILE to be one JSON object, got something else',
    ],
    ['has no images', '{"a": [{}]}', 'Expected a list of `images` in FILE, got none'],
  ])('fails on a file that %s', async (_, content, message) => {
    const path = join(folder, 'coco.json')
    await expect(read(content)).rejects.toMatchObject({
      ...{ code: 'DATA', url: path },
      message: message.replace('FILE', path),
    })
  })

  it('fails on a damaged object, and a file that is missing', async () => {
    await expect(read('{"images": [{"id": }]}')).rejects.toMatchObject({ code: 'DATA' })
    const missing = gather(fromCoco(join(folder, 'none.json')))
    await expect(missing).rejects.toMatchObject({ code: 'CONNECTOR', retryable: false })
  })
})
