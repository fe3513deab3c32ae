/** Something that is going to be loaded. */
export interface Loading<R> {
  /** What it will take, in bytes. */
  readonly bytes: number
  /** Loads it. */
  readonly load: () => R | Promise<R>
}

/** How many are loaded ahead at most, and how many are opened ahead of those. */
const readAheadItems = 8

/**
 * Opens `items` and loads them, up to 8 ahead as far as `aheadBytes` allow, in order. One that is larger is
 * loaded alone.
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T>,
  open: (item: T) => Promise<Loading<R>>,
  aheadBytes: number,
): AsyncGenerator<R> {
  const reading: { readonly loading: Promise<R>; readonly bytes: number }[] = []
  let held = 0

  async function first(): Promise<R> {
    const { loading, bytes } = reading.shift() as (typeof reading)[number]
    held -= bytes
    return loading
  }

  for await (const { bytes, load } of opened(items, open)) {
    while (reading.length > 0 && held + bytes > aheadBytes) yield await first()
    reading.push({ loading: handled(Promise.resolve(load())), bytes })
    held += bytes
    if (reading.length > readAheadItems) yield await first()
  }
  while (reading.length > 0) yield await first()
}

async function* opened<T, R>(
  items: AsyncIterable<T>,
  open: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const opening: Promise<R>[] = []
  for await (const item of items) {
    opening.push(handled(open(item)))
    if (opening.length > readAheadItems) yield (await opening.shift()) as R
  }
  for (const each of opening) yield await each
}

/** Whoever awaits it later sees the error; until then it must not count as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
