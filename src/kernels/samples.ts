/** Values of a picture as they are stored. */
export type SampleArray = Uint8Array | Uint16Array | Float32Array | Float64Array

/** A picture of any number of channels: row after row from the top left, the channels of a pixel side by side. */
export interface Samples {
  /** `height × width × channels` values. */
  readonly data: SampleArray
  /** Columns. */
  readonly width: number
  /** Rows. */
  readonly height: number
  /** Values per pixel. */
  readonly channels: number
}

/** The largest value of the samples' type: 255, 65,535, and 1 of floats. */
export function fullScale(data: SampleArray): number {
  return data instanceof Uint8Array ? 255 : data instanceof Uint16Array ? 65_535 : 1
}
