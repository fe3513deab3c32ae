import { realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** Whether `path` is `folder` or lies under it; both are absolute and free of links. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`)
}

/**
 * The path of `name` in `folder`, with all links followed; undefined if it leads out of the folder. For names
 * that come from data.
 */
export async function pathInside(folder: string, name: string): Promise<string | undefined> {
  const path = await realpath(join(folder, name))
  return isInside(await realpath(folder), path) ? path : undefined
}
