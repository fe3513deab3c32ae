/** CSV as programs write it: quotes, both line ends, a mark, other separators in quotes, pictures. */
export const csvTexts = {
  plain: 'id,x,y\na,1,2.5\nb,,-1e9\nc,3,\n',
  quotes: '\ufeffid,text,ok\r\n"a","x ""y"", z",true\r\n"b\nc",,false\r\n"d","",\r\n',
  pictures: `path,label,note\n${['1.png,cat', '../2.png,dog', 'gone.png,"b,c"'].map((row) => `${row},naïve\n`).join('')}`,
  long: `a,b,c\n${Array.from({ length: 40 }, (_, i) => `${String(i)},${String(i / 7)},"t ${String(i)}"`).join('\n')}`,
}

/** JSON lines with everything that a value can be. */
export const jsonlTexts = {
  plain: '{"id":"a","x":1,"y":2.5}\n{"id":"b","x":null,"y":-1e9}\n\n{"y":3,"id":"c"}\n',
  nested:
    '{"id":"é","tags":["x",null],"deep":{"a":[1,{"b":"\\u00e9\\ud83d\\ude00"}]},"ok":true}\r\n{"id":"2","tags":[],"ok":false}\r\n',
  boxes:
    '{"path":"1.png","boxes":[[1,2,3,4]],"label":3}\n{"path":"../2.png","boxes":[],"label":4}\n',
  long: Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ id: `r${String(i)}`, v: i / 7, big: 2 ** 53 + i }),
  ).join('\n'),
}

const annotation = (id: number, image_id: number) => {
  const polygon = [[1.5, 2, 3, 4, 5, 510.66]]
  return {
    id,
    image_id,
    category_id: 18,
    bbox: [0, 1.5, 20, 30],
    segmentation: polygon,
    iscrowd: 0,
  }
}
const coco = {
  info: { description: 'images: [{"id": 1}]', nested: { images: [{ id: 7 }] } },
  images: [1, 2, 3].map((id) => ({ id, file_name: `${String(id)}.png`, width: 24, height: 16 })),
  annotations: [annotation(10, 1), annotation(11, 2), annotation(12, 1), annotation(13, 99)],
  categories: [{ id: 18, name: 'dog "brush"', supercategory: 'animal' }],
}

/** COCO in the usual order and the other way round, dense and indented. */
export const cocoTexts = {
  dense: JSON.stringify(coco),
  indented: JSON.stringify(coco, null, 2),
  reversed: JSON.stringify(Object.fromEntries(Object.entries(coco).reverse())),
}

const object = (name: string) =>
  `<object><name>${name}</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
  <bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>20</xmax><ymax>16</ymax></bndbox></object>`
const head =
  '<filename>1.jpg</filename><size><width>24</width><height>16</height><depth>3</depth></size>'

/** Annotations of PASCAL VOC: entities, parts, a doctype, comments. */
export const vocTexts = {
  plain: `<annotation><folder>VOC2012</folder>${head}${object('dog')}${object('a &amp; b')}</annotation>`,
  dressed: `<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE annotation [<!ENTITY e "x">]>\n<annotation verified="yes"><!-- by hand -->${head}${object('<![CDATA[cat]]>')}</annotation>\n`,
  empty: `<annotation>${head}</annotation>`,
}

/** Labels of YOLO: boxes, polygons, points, line ends. */
export const yoloTexts = {
  boxes: '0 0.5 0.5 0.5 0.5\n1 0.25 0.5 0.1 1\r\n\n',
  polygon: '1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n',
  many: Array.from(
    { length: 20 },
    (_, i) => `${String(i % 2)} 0.${String(i + 10)} 0.5 0.05 0.25`,
  ).join('\n'),
}

/** Descriptions of datasets of YOLO. */
export const yamlTexts = {
  usual: 'path: .\ntrain: images\nval: images/val\ntest:\nnames:\n  0: cat\n  1: dog\n',
  list: "train: ['images', \"images/val\"]\nval: ../images\nnc: 2\nnames: [cat, 'd''og']\n",
  anchors: 'train: &a images\nval: *a\nnames: {0: cat, 1: dog} # comment\n',
}
