import { Field, Int32, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import {
  column,
  int32Column,
  select,
  take,
  textColumn,
  withColumns,
  withoutHeavy,
} from '../src/batch/batch.ts'
import { requireField, schemaWith, schemaWithout } from '../src/batch/schema.ts'
import { type Reject, Rejects } from '../src/flow/control.ts'
import { operate } from '../src/flow/operate.ts'
import { type Box, contains, cut } from '../src/kernels/cut.ts'
import { knownOptions, oneOf, positiveInteger } from '../src/options.ts'
import {
  checkedPixels,
  type PictureSize,
  type Pixels,
  pixelsAt,
  pixelsColumn,
  pixelsField,
} from '../src/pictures/pixels.ts'
import type { PictureTaskOptions } from '../src/tasks/picture-task.ts'
import { type OnError, onErrorChoices, refused } from '../src/tasks/row-tasks.ts'
import { pixelsIn, RowError } from '../src/tasks/task.ts'

/** Options of {@link patches}. */
export interface PatchesOptions extends PictureTaskOptions {
  /** Width of a patch in pixels. */
  readonly width: number
  /** Height of a patch in pixels. */
  readonly height: number
  /**
   * Pixels from one patch to the next, across and down; fewer than a patch has make them overlap.
   *
   * @default `width` across and `height` down: patches side by side
   */
  readonly stride?: number
}

/** What the patches of one batch may take. */
const pieceBytes = 2 ** 24
const pieceRows = 4096

/**
 * Cuts pictures into patches: a row for each, line by line from the top left. What is left at the right and at the
 * bottom and makes no whole patch is left out.
 *
 * - Rows: n to many; order kept. They are counted by the pictures that came in, and a run with them is not replayed.
 * - Columns: `pixels` → `pixels`, a tensor of fixed shape height × width × 3; `id` → `<id>#<left>,<top>`; adds
 *   `patch_of` (Utf8, the picture's `id`), `patch_left` and `patch_top` (Int32, pixels). The others are repeated.
 * - Nulls: a row without pixels is at fault.
 * - Faults (`onError`): `MISSING`, `DAMAGED` (other values than its size says), `OUTSIDE` (smaller than a patch).
 * - State: 16 MiB of patches or one that is larger, and the column of them. It is no row task: those before it and
 *   those after it have threads of their own.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @throws {DataError} on the stream, if a picture is at fault and `onError` is 'fail'
 * @example
 * decoded$.pipe(patches({ width: 224, height: 224, stride: 112 }), infer())
 */
export function patches(options: PatchesOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('patches', options, ['width', 'height', 'stride', 'onError'])
  const width = positiveInteger('width', options.width)
  const height = positiveInteger('height', options.height)
  const stride =
    options.stride === undefined ? undefined : positiveInteger('stride', options.stride)
  const onError = oneOf('onError', options.onError ?? 'fail', onErrorChoices)
  const grid: Grid = { width, height, across: stride ?? width, down: stride ?? height }

  return operate<RecordBatch, RecordBatch>({
    name: 'patches',
    reads: ['pixels'],
    schema: (input) => schemaWith(schemaWithout(input, ['pixels']), fieldsOf(input, grid)),
    sourceRows: firstPatches,
    memoryBytes: 2 * pieceBytes,
    settings: { ...grid },
    start: ({ columns }) => ({
      next: (batch) => cutUp(withoutHeavy(batch, columns), batch, { grid, onError }),
    }),
  })
}

/** The size of the patches, and how far one is from the next. */
interface Grid extends PictureSize {
  readonly across: number
  readonly down: number
}

/** A patch, and the row of the batch that it is of. */
interface Patch {
  readonly row: number
  readonly box: Box
  readonly pixels: Pixels
}

/** Yields the patches of the pictures in `batch` with the columns of `carried`, in pieces, then what was at fault. */
function* cutUp(
  carried: RecordBatch,
  batch: RecordBatch,
  { grid, onError }: { readonly grid: Grid; readonly onError: OnError },
): Generator<RecordBatch | Rejects> {
  const { width, height } = grid
  const mostRows = Math.max(1, Math.min(pieceRows, Math.floor(pieceBytes / (3 * width * height))))
  const field = picturesOf(batch.schema)
  const [ids, vector] = [column(batch, 'id'), column(batch, 'pixels')]
  const rest = withoutPixels(carried)
  const rejects: Reject[] = []
  let held: Patch[] = []
  for (let row = 0; row < batch.numRows; row++) {
    const picture = pictureOrFault(pixelsAt(field, vector, row), grid)
    if (picture instanceof RowError) {
      const { code, message } = picture
      const id = String(ids.get(row))
      const reject = refused(onError, { id, operator: 'patches', code, message })
      if (reject) rejects.push(reject)
      continue
    }
    for (const box of boxesIn(picture, grid)) {
      held.push({ row, box, pixels: cut(picture, box) })
      if (held.length < mostRows) continue
      yield batchOfPatches(rest, held, grid)
      held = []
    }
  }
  if (held.length > 0) yield batchOfPatches(rest, held, grid)
  if (rejects.length > 0) yield new Rejects(rejects)
}

function picturesOf(schema: Schema): Field {
  return checkedPixels(requireField(schema, 'pixels', { owner: 'patches' }), 'patches')
}

function fieldsOf(input: Schema, size: PictureSize): readonly Field[] {
  picturesOf(input)
  requireField(input, 'id', { owner: 'patches', kind: 'text' })
  const texts = ['id', 'patch_of'].map((name) => new Field(name, new Utf8(), true))
  const places = ['patch_left', 'patch_top'].map((name) => new Field(name, new Int32(), true))
  return [...texts, ...places, pixelsField('pixels', size)]
}

/** A picture is counted where its first patch is. */
function firstPatches(made: RecordBatch): number {
  const [lefts, tops] = [column(made, 'patch_left'), column(made, 'patch_top')]
  let count = 0
  for (let row = 0; row < made.numRows; row++)
    if (lefts.get(row) === 0 && tops.get(row) === 0) count++
  return count
}

function withoutPixels(batch: RecordBatch): RecordBatch {
  const names = batch.schema.fields.map((field) => field.name)
  const others = names.filter((name) => name !== 'pixels')
  return select(batch, others)
}

/** The picture, or why it has no patch. */
function pictureOrFault(value: Pixels | null, { width, height }: Grid): Pixels | RowError {
  try {
    const pixels = pixelsIn({ pixels: value }, 'pixels')
    if (contains(pixels, { left: 0, top: 0, width, height })) return pixels
    const wanted = `${String(width)} × ${String(height)}`
    const got = `${String(pixels.width)} × ${String(pixels.height)}`
    return new RowError('OUTSIDE', `Expected at least ${wanted} pixels, got ${got}`)
  } catch (error) {
    if (error instanceof RowError) return error
    throw error
  }
}

function* boxesIn(picture: PictureSize, { width, height, across, down }: Grid): Generator<Box> {
  for (let top = 0; top + height <= picture.height; top += down)
    for (let left = 0; left + width <= picture.width; left += across)
      yield { left, top, width, height }
}

/** The rows of `rest` that the patches are of, with their own columns. */
function batchOfPatches(rest: RecordBatch, made: readonly Patch[], size: PictureSize): RecordBatch {
  const rows = take(
    rest,
    Int32Array.from(made, ({ row }) => row),
  )
  const of = [...column(rows, 'id')].map(String)
  const ids = made.map(
    ({ box: { left, top } }, i) => `${String(of[i])}#${String(left)},${String(top)}`,
  )
  const lefts = made.map(({ box }) => box.left)
  const tops = made.map(({ box }) => box.top)
  const pictures = made.map(({ pixels }) => pixels)
  return withColumns(rows, [
    textColumn('id', ids),
    textColumn('patch_of', of),
    int32Column('patch_left', lefts),
    int32Column('patch_top', tops),
    pixelsColumn(pixelsField('pixels', size), pictures),
  ])
}
