import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pack } from 'tar-stream'
import { plain } from './pictures.ts'

const names = ['0.png', '1.png', '2.png', '3.png', '4.png', '5.png']

/**
 * Six pictures in `folder`, and the lists of them that each format has, with an entry at fault: `list.csv`, `list.jsonl`,
 * `coco.json`, `voc/`, `yolo/` and `shard.tar`.
 */
export async function writeListed(folder: string): Promise<void> {
  const png = await plain(8, 6).png().toBuffer()
  async function put(path: string, content: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }

  for (const name of names) {
    await put(name, png)
    await put(`voc/JPEGImages/${name}`, png)
    await put(`voc/Annotations/${name.replace('.png', '.xml')}`, vocXml(name))
    await put(`yolo/images/train/${name}`, png)
    await put(`yolo/labels/train/${name.replace('.png', '.txt')}`, '0 0.5 0.5 0.25 0.5\n')
  }
  await put('voc/Annotations/2-cut.xml', '<annotation><filename>2.png')
  await put('yolo/labels/train/3.txt', '0 0.5 0.5 0.25 0.5\n0 nowhere\n')
  await put('yolo/data.yaml', 'train: images/train\nnames: [cat]\n')
  const listed = [...names.slice(0, 3), 'missing.png', ...names.slice(3)]
  await put(
    'list.csv',
    `path,label,n\n${listed.map((name, n) => `${name},a,${String(n)}\n`).join('')}`,
  )
  await put('list.jsonl', listed.map((path, n) => `${JSON.stringify({ path, n })}\n`).join(''))
  await put('coco.json', JSON.stringify(coco(listed)))
  await put('shard.tar', await shard(png))
}

function vocXml(name: string): string {
  return `<annotation><filename>${name}</filename><size><width>8</width><height>6</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox></object></annotation>`
}

function coco(listed: readonly string[]): object {
  const size = { width: 8, height: 6 }
  return {
    images: listed.map((file_name, id) => ({ id, file_name, ...size })),
    annotations: listed.map((_, id) => ({ id, image_id: id, category_id: 1, bbox: [1, 1, 3, 2] })),
    categories: [{ id: 1, name: 'cat' }],
  }
}

async function shard(png: Uint8Array): Promise<Buffer> {
  const archive = pack()
  for (const name of names) {
    archive.entry({ name }, Buffer.from(png))
    archive.entry({ name: name.replace('.png', '.cls') }, '1')
  }
  archive.entry({ name: '../out.png' }, Buffer.from(png))
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
