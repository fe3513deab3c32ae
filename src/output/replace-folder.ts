import { dirname } from 'node:path'
import type { Disk } from '../disk.ts'
import { failPoint } from '../run/fail-point.ts'

/**
 * Gives the folder `from`, which is whole and durable, the name `to`, beside it. A folder that is there
 * already is moved aside first and removed last, so one of the two is always whole. Does nothing if
 * `from` is gone: it has been done.
 */
export async function replaceFolder(from: string, to: string, disk: Disk): Promise<void> {
  const previous = `${from}.previous`
  if (await disk.stat(from)) {
    const moved = (await disk.stat(to)) !== undefined
    if (moved) {
      await disk.rm(previous)
      await disk.rename(to, previous)
    }
    failPoint('folder: amid rename')
    await disk.rename(from, to).catch(async (error: unknown) => {
      if (moved) await disk.rename(previous, to)
      throw error
    })
  }
  // Also when a process that was killed had done it.
  await disk.syncFolder(dirname(to))
  await disk.rm(previous)
}
