import { pictureFormat } from './picture-format.ts'
import type { PictureSize } from './pixels.ts'

/** Width and height of an encoded picture, turned as EXIF says; undefined if its header cannot be read. */
export async function encodedSize(bytes: Uint8Array): Promise<PictureSize | undefined> {
  if (!pictureFormat(bytes)) return undefined
  // Loaded where a picture is measured: it takes .2 s, and most who could measure one do not.
  const { default: sharp } = await import('sharp')
  const metadata = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined)
  return metadata?.autoOrient
}
