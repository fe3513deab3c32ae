/** The picture formats that are read. */
export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif'

/** File name extensions of those formats, in lower case. */
export const pictureExtensions = [
  'jpg',
  'jpeg',
  'jfif',
  'png',
  'webp',
  'gif',
  'tif',
  'tiff',
  'avif',
] as const

/** How many bytes of a file {@link pictureFormat} looks at. */
export const signatureBytes = 32

/** The format that the first bytes of a file announce, or undefined if it is none of those that are read. */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, signatureBytes))
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp'
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'gif'
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((mark) => text.startsWith(mark))) return 'tiff'
  // The brand is that of the file or one that it is compatible with.
  if (text.startsWith('ftyp', 4) && /avi[fs]/.test(text.slice(8))) return 'avif'
  return undefined
}
