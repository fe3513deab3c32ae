import type { LinkedPictures, LinkFault } from '../pictures/linked-pictures.ts'
import { limitBytes, utf8 } from './text-lines.ts'

/** The text of a small file that belongs to a picture, by its path; or why it cannot be had. */
export async function linkedText(files: LinkedPictures, path: string): Promise<string | LinkFault> {
  const { bytes, load } = await files.open(path)
  if (bytes > limitBytes) {
    const message = `Expected \`${path}\` to have at most ${String(limitBytes)} bytes, got ${String(bytes)}`
    return { code: 'TOO_LARGE', message }
  }
  const file = await load()
  if ('code' in file) return file
  const text = utf8(file.image ?? new Uint8Array())
  if (text !== undefined) return text.replace(/^\ufeff/, '')
  return { code: 'FORMAT', message: `Expected \`${path}\` to be text in UTF-8, got other bytes` }
}
