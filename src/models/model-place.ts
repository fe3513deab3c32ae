import { readdir } from 'node:fs/promises'
import { OptionError } from '../errors.ts'
import { manifestName, readManifest } from './model-folder.ts'

/**
 * Checks that a model may be saved as `folder`, which replaces all that is there: a model, an empty folder or
 * nothing, so that no other file is lost.
 *
 * @throws {OptionError} if something else is there
 */
export async function requireModelPlace(folder: string): Promise<void> {
  const names = await namesIn(folder)
  const own = names.includes(manifestName) ? await ownNames(folder) : []
  const other = names.find((name) => !own.includes(name))
  if (other !== undefined)
    throw refused(folder, `\`${other}\` in it; save somewhere else, or move it away`)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    const { code = 'an error' } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw refused(folder, code === 'ENOTDIR' ? 'a file' : code, cause)
  }
}

async function ownNames(folder: string): Promise<readonly string[]> {
  try {
    const { arrays, files } = await readManifest(folder)
    const entries = [...Object.values(arrays), ...Object.values(files)]
    return [manifestName, ...entries.map(({ file }) => file)]
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw refused(folder, `a damaged one (${why}); remove the folder to save there`, cause)
  }
}

function refused(folder: string, got: string, cause?: unknown): OptionError {
  return new OptionError(
    `Expected \`${folder}\`, where a model is to be saved, to be a model, an empty folder or nothing, got ${got}`,
    { cause },
  )
}
