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

/** Room for `length` samples of the type of `data`. */
export function samplesLike(data: SampleArray, length: number): SampleArray {
  // Not `slice`: of a Buffer that is a view.
  if (data instanceof Uint8Array) return new Uint8Array(length)
  if (data instanceof Uint16Array) return new Uint16Array(length)
  return data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
}
