import type { PageCanvas, PageContext } from './dom.ts'
import type { Payload } from './payload.ts'

/** The map and what is looked at. Points are numbered as in `points`; −1 is none. */
export interface MapState {
  /** All items. */
  readonly payload: Payload
  /** Indices of the items on the map. */
  readonly points: readonly number[]
  /** Coordinates of the points from 0 to 1, x and y in turn, y downwards. */
  readonly unit: Float32Array
  /** Where the points are drawn. */
  readonly canvas: PageCanvas
  /** What draws them. */
  readonly context: PageContext
  /** Categories that are switched off. */
  readonly off: Set<number>
  /** The canvas in CSS pixels, as it was drawn last. */
  size: { width: number; height: number }
  /** What is seen: the scale, and the unit coordinates in the middle. */
  view: { scale: number; x: number; y: number }
  /** The point under the pointer or the arrow keys. */
  hover: number
  /** The point in the panel. */
  pinned: number
}
