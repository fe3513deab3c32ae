/** Boxes of a picture, in parts of its width and height. */
export interface YoloLabels {
  /** x and y of the centre, width and height, four numbers each. */
  readonly boxes: readonly number[]
  /** Their classes. */
  readonly classes: readonly number[]
  /** Lines that are none, counted from 1, and why. */
  readonly faults: readonly { readonly line: number; readonly message: string }[]
}

/** What the lines of a label file may have. */
export interface YoloFormat {
  /** Names of the classes by number; undefined where nobody says. */
  readonly names: ReadonlyMap<number, string> | undefined
  /** Numbers for the points that follow a box; 0 where there are none. */
  readonly points: number
}

/**
 * Reads a label file: in each line a class, and a box, a box with points, or the corners of a polygon (of which
 * the box is that around them).
 *
 * @see https://docs.ultralytics.com/datasets/detect/
 */
export function yoloLabels(text: string, format: YoloFormat): YoloLabels {
  const boxes: number[] = []
  const classes: number[] = []
  const faults: { line: number; message: string }[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const read = boxOf(line.trim().split(/\s+/), format)
    if (typeof read === 'string') faults.push({ line: at + 1, message: read })
    else {
      classes.push(read.class)
      boxes.push(...read.box)
    }
  }
  return { boxes, classes, faults }
}

function boxOf(
  words: readonly string[],
  { names, points }: YoloFormat,
): string | { readonly class: number; readonly box: readonly number[] } {
  const [label = NaN, ...values] = words.map(Number)
  if (!Number.isInteger(label) || label < 0 || (names && !names.has(label)))
    return `Expected a class${names ? ` of ${String(names.size)}` : ''} first, got \`${words[0] ?? ''}\``
  const box = values.slice(0, 4)
  const isBox = values.length === 4 || (points > 0 && values.length === 4 + points)
  const isPolygon = points === 0 && values.length >= 6 && values.length % 2 === 0
  if (!isBox && !isPolygon)
    return `Expected x, y, width and height, or a polygon, got ${String(values.length)} numbers`
  const wrong = (isBox ? box : values).findIndex((value) => !(value >= 0 && value <= 1))
  if (wrong >= 0) return `Expected numbers from 0 to 1, got \`${words[wrong + 1] ?? ''}\``
  return { class: label, box: isBox ? box : around(values) }
}

function around(corners: readonly number[]): readonly number[] {
  const [x, y] = [0, 1].map((axis) => corners.filter((_, at) => at % 2 === axis)) as [
    number[],
    number[],
  ]
  const [left, right] = [Math.min(...x), Math.max(...x)]
  const [top, bottom] = [Math.min(...y), Math.max(...y)]
  return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
}

/** The boxes in pixels of a picture: x and y of the upper left corner, width and height. */
export function inPixels(
  boxes: readonly number[],
  { width, height }: { readonly width: number; readonly height: number },
): Float64Array {
  const out = new Float64Array(boxes.length)
  for (let at = 0; at < boxes.length; at += 4) {
    const [x = 0, y = 0, w = 0, h = 0] = boxes.slice(at, at + 4)
    out.set([(x - w / 2) * width, (y - h / 2) * height, w * width, h * height], at)
  }
  return out
}
