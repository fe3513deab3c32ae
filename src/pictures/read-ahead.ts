/** Something that is going to be loaded. */
export interface Loading<R> {
  /** What it will take, in bytes. */
  readonly bytes: number
  /** Loads it. */
  readonly load: () => R | Promise<R>
}

/** How far is read ahead. */
export interface Ahead<T> {
  /** How many items are opened, and of these loaded, beside the one that is asked for; depends on the last one. */
  readonly ahead: (item: T) => number
  /** How many bytes are loaded; one item that is larger is loaded alone. */
  readonly aheadBytes: number
}

/** Opens `items` and loads them, several ahead, in order. */
export async function* readAhead<T, R>(
  items: AsyncIterable<T>,
  open: (item: T) => Promise<Loading<R>>,
  { ahead, aheadBytes }: Ahead<T>,
): AsyncGenerator<R> {
  const reading: { readonly loading: Promise<R>; readonly bytes: number }[] = []
  let held = 0

  async function first(): Promise<R> {
    const { loading, bytes } = reading.shift() as (typeof reading)[number]
    held -= bytes
    return loading
  }

  for await (const { item, opened } of openedAhead(items, open, ahead)) {
    const { bytes, load } = opened
    while (reading.length > 0 && held + bytes > aheadBytes) yield await first()
    reading.push({ loading: handled(Promise.resolve(load())), bytes })
    held += bytes
    if (reading.length > ahead(item)) yield await first()
  }
  while (reading.length > 0) yield await first()
}

async function* openedAhead<T, R>(
  items: AsyncIterable<T>,
  open: (item: T) => Promise<R>,
  ahead: Ahead<T>['ahead'],
): AsyncGenerator<{ readonly item: T; readonly opened: R }> {
  const opening: { readonly item: T; readonly opened: Promise<R> }[] = []

  async function first(): Promise<{ readonly item: T; readonly opened: R }> {
    const { item, opened } = opening.shift() as (typeof opening)[number]
    return { item, opened: await opened }
  }

  for await (const item of items) {
    opening.push({ item, opened: handled(open(item)) })
    if (opening.length > ahead(item)) yield await first()
  }
  while (opening.length > 0) yield await first()
}

/** Whoever awaits it later sees the error; until then it must not count as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
