/** A picture: 8-bit RGB, row after row from the top left. */
export interface Pixels {
  /** `height × width × 3` values. */
  readonly data: Uint8Array
  /** Columns. */
  readonly width: number
  /** Rows. */
  readonly height: number
}

/** The picture whose values are `table` at those of `pixels`; 256 entries. */
export function mapped({ data, width, height }: Pixels, table: Uint8Array): Pixels {
  const out = new Uint8Array(data.length)
  for (let at = 0; at < data.length; at++) out[at] = table[data[at] as number] as number
  return { data: out, width, height }
}
