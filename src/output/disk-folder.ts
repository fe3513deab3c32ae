import { join } from 'node:path'
import type { Disk } from '../disk.ts'

/** Paths of the files in a folder, and in the folders `column=value` below it, from there; hidden ones too. */
export async function* filesIn(disk: Disk, path: string, below = ''): AsyncGenerator<string> {
  for (const name of await disk.readdir(join(path, below))) {
    const each = join(below, name)
    const deeper = name.includes('=') && (await disk.stat(join(path, each)))?.folder
    if (deeper) yield* filesIn(disk, path, each)
    else yield each
  }
}
