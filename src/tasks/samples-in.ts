import type { Samples } from '../kernels/samples.ts'
import { RowError, type TaskRow } from './task.ts'

/** The picture in `column`, of any type and number of channels. */
export function samplesIn(row: TaskRow, column: string): Samples {
  const value = row[column]
  if (value === null || typeof value !== 'object' || !('width' in value))
    throw new RowError('MISSING', `Expected a picture in column \`${column}\`, got null`)
  const { data, width, height } = value
  const channels = data.length / (width * height)
  if (width > 0 && height > 0 && channels > 0 && Number.isInteger(channels))
    return { data, width, height, channels }
  throw new RowError(
    'DAMAGED',
    `Expected the values of ${String(width)} × ${String(height)} pixels, got ${String(data.length)} values`,
  )
}
