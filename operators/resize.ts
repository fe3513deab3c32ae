import type { RecordBatch } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { knownOptions, oneOf, positiveInteger } from '../src/options.ts'
import { pixelsField } from '../src/pictures/pixels.ts'
import { pictureTask, type PictureTaskOptions } from '../src/tasks/picture-task.ts'
import type { ResizeTaskOptions } from '../src/tasks/resize.ts'

/** Options of {@link resize}. */
export interface ResizeOptions extends PictureTaskOptions {
  /** Width in pixels. */
  readonly width: number
  /** Height in pixels. */
  readonly height: number
  /**
   * How a picture of another shape is fitted: `fill` stretches it, `cover` cuts off what stands over
   * (keeping the centre), `contain` adds black bars, `inside` makes it as large as fits.
   *
   * @default 'fill'
   */
  readonly fit?: ResizeFit
  /**
   * Kernel of the reduction (and of the enlargement, where it is an interpolation).
   *
   * @default 'lanczos3'
   */
  readonly kernel?: ResizeKernel
}

/** How a picture of another shape is fitted. */
export type ResizeFit = (typeof fits)[number]

/** Kernels of {@link resize}. */
export type ResizeKernel = (typeof kernels)[number]

const fits = ['fill', 'cover', 'contain', 'inside'] as const
const kernels = ['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const

/**
 * Makes pictures of one size.
 *
 * - Rows: n to at most n; order kept.
 * - Columns: `pixels` → `pixels`, a tensor of fixed shape height × width × 3; with `fit: 'inside'` of varying shape.
 *   The columns `width` and `height` stay those of the original.
 * - Nulls: a row without pixels is at fault (`MISSING`); `decode` makes none.
 * - Concurrency: see `rowTask`.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} if there is no column of pictures; add `decode()` before it
 * @example
 * decoded$.pipe(resize({ width: 224, height: 224, fit: 'cover' })) // `pixels` of 224 × 224 × 3
 */
export function resize(options: ResizeOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('resize', options, ['width', 'height', 'fit', 'kernel', 'onError'])
  const width = positiveInteger('width', options.width)
  const height = positiveInteger('height', options.height)
  const fit = oneOf('fit', options.fit ?? 'fill', fits)
  const kernel = oneOf('kernel', options.kernel ?? 'lanczos3', kernels)

  return pictureTask({
    name: 'resize',
    options: { width, height, fit, kernel } satisfies ResizeTaskOptions,
    fields: () => [pixelsField('pixels', fit === 'inside' ? undefined : { width, height })],
    onError: options.onError,
  })
}
