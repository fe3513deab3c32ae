import type { Samples } from '../kernels/samples.ts'
import { RowError, type TaskRow } from './task.ts'

/** The decoded picture in `column`, of any type and number of channels; one that comes from a file may have other values than its size says. */
export function samplesIn(row: TaskRow, column: string): Samples {
  const value = row[column]
  if (value === null || typeof value !== 'object' || !('width' in value))
    throw new RowError('MISSING', `Expected a picture in column \`${column}\`, got null`)
  const { data, width, height } = value
  const channels = 'channels' in value ? value.channels : 3
  if (width > 0 && height > 0 && channels > 0 && data.length === width * height * channels)
    return { data, width, height, channels }
  throw new RowError(
    'DAMAGED',
    `Expected ${String(width)} × ${String(height)} pixels of ${String(channels)} values, got ${String(data.length)} values`,
  )
}
