import type { RecordBatch } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromCoco } from '../../connectors/from-coco.ts'
import { fromCsv } from '../../connectors/from-csv.ts'
import { fromVoc } from '../../connectors/from-voc.ts'
import { fromYolo } from '../../connectors/from-yolo.ts'
import type { Flow } from '../../src/flow/flow.ts'
import type { ManifestOptions } from '../../src/manifests/manifest-options.ts'
import { gather, plain, values } from '../helpers/pictures.ts'
import { came, cameInTwo } from '../helpers/resumed.ts'
import { type S3, startS3 } from '../helpers/s3-proxy.ts'

let s3: S3
beforeAll(async () => {
  s3 = await startS3()
  Object.assign(process.env, s3.env)
  const png = await plain(4, 2).png().toBuffer()
  const voc = '<annotation><filename>a.png</filename></annotation>'
  const coco = {
    images: [
      { id: 1, file_name: 'a.png' },
      { id: 2, file_name: '../up.png' },
    ],
  }
  const objects = {
    'set/rows.csv': 'path\npictures/a.png\ns3://data/set/images/a.png\n../up.png\nnone.png\n',
    'set/pictures/a.png': png,
    'set/annotations/instances_val2017.json': JSON.stringify(coco),
    'set/val2017/a.png': png,
    'voc/Annotations/1.xml': voc,
    'voc/Annotations/2.xml': voc.replace('a.png', 'none.png'),
    'voc/ImageSets/Main/val.txt': '1\n',
    'voc/JPEGImages/a.png': png,
    'yolo/data.yaml': 'train: images\nval: val.txt\nnames: [cat]\n',
    'yolo/val.txt': 'images/a.png\n../up.png\n',
    'yolo/images/a.png': png,
    'yolo/labels/a.txt': '0 0.5 0.5 1 1\n',
    'set/images/a.png': png,
    'up.png': png,
  }
  for (const [key, content] of Object.entries(objects)) await s3.put(key, content)
})
afterAll(() => s3.close())

const sources: readonly {
  name: string
  make: (options: ManifestOptions) => Flow<RecordBatch>
  uris: readonly string[]
  rejects: readonly (readonly string[])[]
}[] = [
  {
    name: 'fromCsv',
    make: (options) => fromCsv('s3://data/set/rows.csv', options),
    uris: ['s3://data/set/pictures/a.png', 's3://data/set/images/a.png'],
    rejects: [
      ['../up.png', 'OUTSIDE'],
      ['none.png', 'MISSING'],
    ],
  },
  {
    name: 'fromCoco',
    make: (options) => fromCoco('s3://data/set/annotations/instances_val2017.json', options),
    uris: ['s3://data/set/val2017/a.png'],
    rejects: [['../up.png', 'OUTSIDE']],
  },
  {
    name: 'fromVoc',
    make: (options) => fromVoc('s3://data/voc', options),
    uris: ['s3://data/voc/JPEGImages/a.png'],
    rejects: [['JPEGImages/none.png', 'MISSING']],
  },
  {
    name: 'fromYolo',
    make: (options) => fromYolo('s3://data/yolo/', options),
    uris: ['s3://data/yolo/images/a.png', 's3://data/yolo/images/a.png'],
    rejects: [['../up.png', 'OUTSIDE']],
  },
]

describe.each(sources)('$name', ({ name, make, uris, rejects }) => {
  it('reads a list and its pictures in a bucket', async () => {
    const got = await gather(make({ onError: 'reject', storage: s3.storage }))
    expect(values(got.batches, 'uri')).toEqual(uris)
    expect(values(got.batches, 'image').every((image) => image instanceof Uint8Array)).toBe(true)
    expect(got.rejects.map(({ id, code }) => [id, code])).toEqual(rejects)
  })

  it('goes on after every value', async () => {
    const flow = () => make({ onError: 'reject', storage: s3.storage, batchRows: 1 })
    const whole = await came(flow())
    for (let seen = 1, after; (after = await cameInTwo(flow, name, seen)); seen++)
      expect(after).toEqual(whole)
  })
})
