import sharp from 'sharp'
import { pictureFormat } from './picture-format.ts'
import type { PictureSize } from './pixels.ts'

/** Width and height of an encoded picture, turned as EXIF says; undefined if its header cannot be read. */
export async function encodedSize(bytes: Uint8Array): Promise<PictureSize | undefined> {
  if (!pictureFormat(bytes)) return undefined
  const metadata = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined)
  return metadata?.autoOrient
}
