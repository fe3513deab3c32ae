const bytesMost = 64 * 1024

/**
 * Keeps encoded thumbnails up to a budget of the bytes they take in the page. The first ids matter most:
 * what is kept is always all pictures before some place in that order, in whatever order they come.
 */
export class PictureBudget {
  readonly #places: ReadonlyMap<string, number>
  readonly #budget: number
  readonly #held: (Uint8Array | undefined)[] = []
  #cut: number
  #used = 0
  #offered = 0
  #kept = 0
  constructor(ids: Iterable<string>, budget: number) {
    const unique = [...new Set(ids)]
    this.#places = new Map(unique.map((id, place) => [id, place]))
    this.#budget = budget
    this.#cut = unique.length
  }

  /** The ids whose pictures are wanted. */
  get wanted(): ReadonlySet<string> {
    return new Set(this.#places.keys())
  }

  /** How many pictures were offered and left out: for the budget, for a single size above 64 KB, or for an unknown format. */
  get dropped(): number {
    return this.#offered - this.#kept
  }

  /** Offers the picture of `id`; one that is not wanted, or the second of an id, is ignored. Copies what it keeps. */
  add(id: string, bytes: Uint8Array): void {
    const place = this.#places.get(id)
    if (place === undefined || this.#held[place]) return
    this.#offered++
    if (place >= this.#cut || bytes.length > bytesMost || !pictureType(bytes)) return
    this.#held[place] = bytes.slice()
    this.#used += pageBytes(bytes)
    this.#kept++
    while (this.#used > this.#budget) this.#dropLast()
  }

  /** The pictures kept, by id. */
  pictures(): Map<string, Uint8Array> {
    const kept = new Map<string, Uint8Array>()
    for (const [id, place] of this.#places) {
      const bytes = this.#held[place]
      if (bytes) kept.set(id, bytes)
    }
    return kept
  }

  #dropLast(): void {
    const bytes = this.#held[--this.#cut]
    if (!bytes) return
    this.#held[this.#cut] = undefined
    this.#used -= pageBytes(bytes)
    this.#kept--
  }
}

/** The picture as a `data:` URL, or nothing if it is no WebP, JPEG or PNG. */
export function pictureUrl(bytes: Uint8Array): string {
  const type = pictureType(bytes)
  return type === undefined ? '' : `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

/** The length of the `data:` URL. */
function pageBytes(bytes: Uint8Array): number {
  return 'data:image/webp;base64,'.length + 4 * Math.ceil(bytes.length / 3)
}

function pictureType(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'image/webp'
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  return head.startsWith('\x89PNG\r\n\x1a\n') ? 'image/png' : undefined
}
