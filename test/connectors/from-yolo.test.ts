import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { lastValueFrom, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromYolo, type FromYoloOptions } from '../../connectors/from-yolo.ts'
import { plainValues } from '../helpers/every-type.ts'
import { gather, type Gathered, plain } from '../helpers/pictures.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'

let base: string
let wide: Uint8Array
let turned: Uint8Array
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'from-yolo-'))
  wide = await plain(40, 20).png().toBuffer()
  turned = await plain(40, 20).withMetadata({ orientation: 6 }).jpeg().toBuffer()
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
  return join(base, name)
}

const yaml = `path: .  # dataset root dir
train: images/train
val: images/val
test:
names:
  0: cat
  1: dog
  7: bird
`

function usual(): Record<string, string | Uint8Array> {
  return {
    'data.yaml': yaml,
    'images/train/a.png': wide,
    'images/train/b.jpg': turned,
    'images/train/notes.txt': 'x',
    'images/val/c.png': wide,
    'labels/train/a.txt': '0 0.5 0.5 0.5 0.5\n1 0.25 0.5 0.1 1\r\n\n',
    'labels/train/b.txt': '7 0.5 0.5 1 0.5\n',
  }
}

async function read(location: string, options?: FromYoloOptions): Promise<Gathered> {
  return gather(fromYolo(location, options))
}

function column({ batches }: Gathered, name: string): unknown[] {
  return batches.flatMap((batch) => plainValues(batch.getChild(name) as never))
}

describe('fromYolo', () => {
  it.each(['', 'data.yaml'])('reads pictures with their boxes in pixels (%s)', async (file) => {
    const folder = await tree('usual', usual())
    const got = await read(join(folder, file))
    expect(column(got, 'id')).toEqual([
      'images/train/a.png',
      'images/train/b.jpg',
      'images/val/c.png',
    ])
    expect(column(got, 'split')).toEqual(['train', 'train', 'val'])
    expect(column(got, 'label')).toEqual([null, 'bird', null])
    expect([column(got, 'width'), column(got, 'height')]).toEqual([
      [40, 20, 40],
      [20, 40, 20],
    ])
    expect(column(got, 'boxes')).toEqual([
      [
        [10, 5, 20, 10],
        [8, 0, 4, 20],
      ],
      [[0, 10, 20, 20]],
      [],
    ])
    expect(column(got, 'box_labels')).toEqual([['cat', 'dog'], ['bird'], []])
    expect(String(await fromYolo(folder).schema())).toBe(String(got.batches[0]?.schema))
  })

  const lines = [
    { name: 'a polygon', yaml: '', line: '0 0.1 0.2 0.5 0.2 0.5 0.6 0.2 0.4', box: [4, 4, 16, 8] },
    {
      name: 'a box with points',
      yaml: 'kpt_shape: [2, 3]',
      line: '0 0.5 0.5 0.5 0.5 0.1 0.1 2 0.9 0.9 1',
      box: [10, 5, 20, 10],
    },
    { name: 'an exponent', yaml: '', line: '0 5e-1 0.5 0.5 5.0e-1', box: [10, 5, 20, 10] },
  ]
  it.each(lines)('reads $name', async ({ name, yaml, line, box }) => {
    const folder = await tree(`line ${name}`, {
      'data.yaml': `train: images\nnames: [cat]\n${yaml}\n`,
      'images/a.png': wide,
      'labels/a.txt': line,
    })
    const [got] = column(await read(folder), 'boxes') as number[][][]
    expect(got?.[0]?.map((v) => Math.round(v * 1e6) / 1e6)).toEqual(box)
  })

  it('says which line of labels is none, and keeps the others', async () => {
    const bad = [
      '0 0.5 0.5 0.5',
      '0 0.5 0.5 0.5 1.5',
      '0 0.5 0.5 0.5 x',
      '2 0.5 0.5 0.5 0.5',
      '-1 0.5 0.5 0.5 0.5',
      '0.5 0.5 0.5 0.5 0.5',
      '0 0.5 0.5 0.5 0.5 0.9',
      '0 0.5 0.5 0.5 nan',
    ]
    const folder = await tree('bad', {
      'data.yaml': 'train: images\nnames: [cat, dog]\n',
      'images/a.png': wide,
      'images/b.png': 'no picture',
      'images/c.png': wide,
      'labels/a.txt': `${bad.join('\n')}\n1 0.5 0.5 1 1\n`,
      'labels/c.txt': Buffer.from([0xff]),
    })
    const got = await read(folder, { onError: 'reject' })
    expect(column(got, 'id')).toEqual(['images/a.png'])
    expect(column(got, 'box_labels')).toEqual([['dog']])
    expect(got.rejects.map(({ id, code }) => [id, code])).toEqual([
      ...bad.map((_, i) => [`labels/a.txt#${String(i + 1)}`, 'FORMAT']),
      ['images/b.png', 'DAMAGED'],
      ['images/c.png', 'FORMAT'],
    ])
    expect(got.rejects.map(({ message }) => message).slice(0, 4)).toEqual([
      'Expected x, y, width and height, or a polygon, got 3 numbers',
      'Expected numbers from 0 to 1, got `1.5`',
      'Expected numbers from 0 to 1, got `x`',
      'Expected a class of 2 first, got `2`',
    ])
    await expect(read(folder)).rejects.toMatchObject({ code: 'DATA', url: folder })
  })

  it('reads lists of pictures, several folders, and paths as Roboflow writes them', async () => {
    const folder = await tree('lists', {
      'data.yaml': 'train: [a.txt, ../more/images]\nval: ../valid/images\nnames: [cat]\n',
      'a.txt': './images/2.png\nimages/1.png\r\n\nimages/none.png\n../secret.png\n/etc/passwd\n',
      'images/1.png': wide,
      'images/2.png': wide,
      'more/images/3.png': wide,
      'valid/images/4.png': wide,
      'valid/labels/4.txt': '0 0.5 0.5 1 1',
    })
    await writeFile(join(base, 'secret.png'), wide)
    await symlink('../../secret.png', join(folder, 'images/link.png'))
    const got = await read(folder, { onError: 'reject', name: 'yolo' })
    expect(column(got, 'id')).toEqual([
      'yolo/images/2.png',
      'yolo/images/1.png',
      'yolo/more/images/3.png',
      'yolo/valid/images/4.png',
    ])
    expect(column(got, 'box_labels')).toEqual([[], [], [], ['cat']])
    expect(got.rejects.map(({ id, code }) => [id, code])).toEqual([
      ['yolo/images/none.png', 'MISSING'],
      ['yolo/../secret.png', 'OUTSIDE'],
      ['yolo//etc/passwd', 'OUTSIDE'],
    ])
  })

  it('reads a dataset that lies elsewhere only if it is told so', async () => {
    const folder = await tree('elsewhere', {
      ...usual(),
      'config/x.yaml': yaml.replace(': .', ': ..'),
    })
    const path = join(folder, 'config/x.yaml')
    await expect(read(path)).rejects.toMatchObject({
      code: 'DATA',
      message: `Expected \`path\` of ${path} to stay in its folder, got \`..\`: give the folder of the dataset as \`root\``,
    })
    expect(column(await read(path, { root: folder }), 'id')).toHaveLength(3)
    expect(column(await read(path, { links: 'all', split: 'all' }), 'split')).toEqual([
      'all',
      'all',
      'all',
    ])
  })

  it.each([1, 2, 100])('goes on after every value, in batches of %i', async (batchRows) => {
    const folder = await tree('resume', {
      ...usual(),
      'data.yaml': 'train: list.txt\nval: images/val\ntest: images/train\nnames: [cat, dog]\n',
      'list.txt': 'images/train/b.jpg\nimages/none.png\nimages/val/c.png\n',
    })
    const flow = () => fromYolo(folder, { batchRows, onError: 'reject' })
    const whole = await came(flow())
    expect([whole.rows.length, whole.rejects.length]).toEqual([5, 3])
    let parts = 0
    for (let after; (after = await cameInTwo(flow, 'fromYolo', parts + 1)); parts++)
      expect(after).toEqual(whole)
    expect(parts).toBeGreaterThanOrEqual(Math.ceil(8 / batchRows) - 1)
  })

  it('stops when it is left', async () => {
    const folder = await tree('early', usual())
    const first = await lastValueFrom(fromYolo(folder, { batchRows: 1 }).pipe(take(1)))
    expect(first.numRows).toBe(1)
  })

  it.each<[string, string | Uint8Array, object]>([
    ['is empty', '', { code: 'DATA' }],
    ['is no YAML', 'train: [images', { code: 'DATA' }],
    ['is a list', '- train', { code: 'DATA' }],
    ['is no text', Buffer.from([0xff, 0xd8]), { code: 'DATA' }],
    ['has no splits', 'names: [a]', { code: 'DATA' }],
    ['has a split that is no path', 'train: {a: 1}', { code: 'DATA' }],
    ['has names that are none', 'train: images\nnames: {a: b}', { code: 'DATA' }],
    ['has a folder that is not there', 'train: none', { code: 'CONNECTOR' }],
    ['has a folder that leads out', 'train: /etc', { code: 'DATA' }],
    ['has a folder without pictures', 'train: empty', { code: 'CONNECTOR' }],
    [
      'refers to itself without end',
      `a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: [*c, *c, *c]\ntrain: images`,
      { code: 'DATA' },
    ],
  ])('fails where data.yaml %s', async (name, content, error) => {
    const folder = await tree(`fails ${name}`, { 'data.yaml': content, 'empty/a.txt': 'x' })
    await expect(read(folder)).rejects.toMatchObject(error)
  })

  it('prints nothing of what the parser thinks of a data.yaml', async () => {
    const warn = vi.spyOn(process, 'emitWarning')
    const folder = await tree('warned', {
      ...usual(),
      'data.yaml': 'train: &a images/train\nval: *a : x\n',
    })
    await read(folder).catch(() => undefined)
    await read(await tree('warned', { 'data.yaml': 'train: &a: images/train\n' }))
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  it('fails where there is no data.yaml', async () => {
    const missing = read(join(base, 'none'))
    await expect(missing).rejects.toMatchObject({ code: 'CONNECTOR', retryable: false })
  })
})
