import { SaxesParser } from 'saxes'

/** What a VOC file says of a picture. */
export interface VocAnnotation {
  /** File name of the picture; undefined where the file does not say. */
  readonly picture: string | undefined
  /** In pixels. */
  readonly width: number | null
  /** In pixels. */
  readonly height: number | null
  /** Its objects. */
  readonly objects: readonly VocObject[]
}

/** An object in a picture. */
export interface VocObject {
  /** Its class. */
  readonly name: string
  /** x, y, width and height, the corner of the picture at 0, 0; undefined where its corners are none. */
  readonly box: readonly number[] | undefined
  /** Whether it is hard to recognise. */
  readonly difficult: boolean
  /** Whether its box has not all of it. */
  readonly truncated: boolean
}

/** Parts of objects, and their points, are nested no deeper. */
const mostLevels = 16

/** Why a text is no VOC annotation. */
export class VocError extends Error {}

/**
 * Reads the XML of a VOC annotation. Entities that the file defines itself are not known. Corners are counted from
 * 1, and the pixels at both are inside.
 *
 * @throws {VocError} if it is no such XML
 * @see http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf
 */
export function vocAnnotation(xml: string): VocAnnotation {
  const parser = new SaxesParser()
  const names: string[] = []
  const found = new Map<string, string>()
  const objects: VocObject[] = []
  let text = ''
  parser.on('error', ({ message }) => {
    throw new VocError(`Expected XML, got ${message}`)
  })
  parser.on('opentag', ({ name }) => {
    if (names.length === 0 && name !== 'annotation')
      throw new VocError(`Expected the XML of an \`annotation\`, got \`${name}\``)
    if (names.push(name) > mostLevels)
      throw new VocError(`Expected at most ${String(mostLevels)} levels of XML, got more`)
    text = ''
  })
  parser.on('text', (more) => (text += more))
  parser.on('closetag', () => {
    const path = names.slice(1).join('/')
    names.pop()
    if (path === 'object') {
      objects.push(objectOf(found))
      for (const key of found.keys()) if (key.startsWith('object/')) found.delete(key)
    } else found.set(path, text.trim())
    text = ''
  })
  parser.write(xml).close()
  const picture = found.get('filename')
  return {
    picture: picture === '' ? undefined : picture,
    width: side(found.get('size/width')),
    height: side(found.get('size/height')),
    objects,
  }
}

function objectOf(found: ReadonlyMap<string, string>): VocObject {
  return {
    name: found.get('object/name') ?? '',
    box: boxOf(
      ['xmin', 'ymin', 'xmax', 'ymax'].map((name) => found.get(`object/bndbox/${name}`) ?? ''),
    ),
    difficult: found.get('object/difficult') === '1',
    truncated: found.get('object/truncated') === '1',
  }
}

function boxOf(corners: readonly string[]): readonly number[] | undefined {
  const numbers = corners.map((corner) => (corner === '' ? NaN : Number(corner)))
  const [left = NaN, top = NaN, right = NaN, bottom = NaN] = numbers
  if (!numbers.every(Number.isFinite) || right < left || bottom < top) return undefined
  return [left - 1, top - 1, right - left + 1, bottom - top + 1]
}

function side(text: string | undefined): number | null {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : null
}
