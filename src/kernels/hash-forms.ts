/**
 * Which hashes of a picture there are: of itself (`plain`); of itself and the seven others that come of turning it by
 * right angles and mirroring it (`all`, 64 bytes); or the `smallest` of these eight, byte by byte.
 */
export type Forms = 'plain' | 'all' | 'smallest'

/** A symmetry of the square, in the order in which it is done: rows and columns exchanged, then each mirrored or not. */
export interface Symmetry {
  /** Whether rows and columns change places. */
  readonly swapped: boolean
  /** Whether top and bottom do. */
  readonly flippedDown: boolean
  /** Whether left and right do. */
  readonly flippedAcross: boolean
}

/** The eight; the first leaves all as it is. */
const symmetries: readonly Symmetry[] = [false, true].flatMap((swapped) =>
  [false, true].flatMap((flippedDown) =>
    [false, true].map((flippedAcross) => ({ swapped, flippedDown, flippedAcross })),
  ),
)

/** Bytes of one hash. */
const hashBytes = 8

/** The forms of a picture's hash, each made by `hashOf`. */
export function formsOf(forms: Forms, hashOf: (of: Symmetry) => Uint8Array): Uint8Array {
  const [plain] = symmetries
  if (forms === 'plain') return hashOf(plain as Symmetry)
  const hashes = symmetries.map(hashOf)
  if (forms === 'smallest')
    return hashes.reduce((least, h) => (Buffer.compare(h, least) < 0 ? h : least))
  const out = new Uint8Array(hashBytes * hashes.length)
  for (const [i, hash] of hashes.entries()) out.set(hash, i * hashBytes)
  return out
}

/** 64 bits, the first the highest of the first byte: 1 where `holds`. */
export function bitsWhere(holds: (bit: number) => boolean): Uint8Array {
  const out = new Uint8Array(hashBytes)
  for (let i = 0; i < 8 * hashBytes; i++)
    if (holds(i)) out[i >> 3] = (out[i >> 3] ?? 0) | (0x80 >> (i & 7))
  return out
}
