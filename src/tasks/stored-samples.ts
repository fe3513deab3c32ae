import type { Metadata } from 'sharp'
import { type SampleArray, type Samples, samplesLike } from '../kernels/samples.ts'
import {
  bytesOnTheWay,
  defaultLimitPixels,
  type EncodedPicture,
  openPicture,
  whole,
} from './encoded-picture.ts'
import { type PictureFormat, pictureFormat } from '../pictures/picture-format.ts'
import { RowError, type TakeRoom } from './task.ts'

/** A picture as its file has it. */
export interface StoredSamples {
  /** Its values, of every channel. */
  readonly samples: Samples
  /** Whether the last channel is opacity. */
  readonly alpha: boolean
}

const arrays: Readonly<Record<string, new (buffer: ArrayBuffer) => SampleArray>> = {
  uchar: Uint8Array,
  ushort: Uint16Array,
  float: Float32Array,
  double: Float64Array,
}

/** Colour spaces whose samples are taken as they are. */
const spaces: readonly string[] = [
  ...['b-w', 'grey16', 'srgb', 'rgb', 'rgb16', 'scrgb', 'cmyk', 'multiband'],
]

/**
 * Decodes a picture without a conversion: 8 or 16 bits or floats, every channel, turned as EXIF says.
 *
 * @throws {RowError} if it is not of these types, is damaged or too large
 */
export async function storedSamples(bytes: Uint8Array, room: TakeRoom): Promise<StoredSamples> {
  const picture = await openPicture(bytes, defaultLimitPixels)
  const { width, height } = picture.metadata
  await room(width * height * storedPixelBytes(picture.metadata))
  return samplesOf(picture)
}

/** The formats that may have more than 8 bits per sample. */
const deepFormats: readonly (PictureFormat | undefined)[] = ['png', 'tiff', 'avif']

/**
 * Decodes a picture in the same way if it has more than 8 bits per sample, and is of those types; else undefined.
 *
 * @throws {RowError} see {@link storedSamples}
 */
export async function deepSamples(bytes: Uint8Array): Promise<StoredSamples | undefined> {
  if (!deepFormats.includes(pictureFormat(bytes))) return undefined
  const picture = await openPicture(bytes, defaultLimitPixels)
  const { metadata } = picture
  return metadata.depth !== 'uchar' && hasSamples(metadata) ? samplesOf(picture) : undefined
}

/** Whether a picture is of the types that {@link samplesOf} reads. */
export function hasSamples({ depth, space }: Metadata): boolean {
  return depth in arrays && spaces.includes(space)
}

/**
 * The samples of an open picture; see {@link storedSamples}.
 *
 * @throws {RowError} if it is not of these types or is damaged
 */
export async function samplesOf(picture: EncodedPicture): Promise<StoredSamples> {
  const { channels, depth, space, hasAlpha } = picture.metadata
  const Values = arrays[depth]
  if (!Values || !hasSamples(picture.metadata))
    throw new RowError(
      'FORMAT',
      `Expected gray, RGB or CMYK of 8 or 16 bits or floats, got ${space} of type ${depth}`,
    )
  // Of gray sharp drops the opacity, so that is decoded as RGB.
  const grayWithAlpha = hasAlpha && channels === 2
  const { data, info } = await raw(picture, grayWithAlpha ? rgbLike(space) : space)
  const size = { width: info.width, height: info.height, channels: info.channels }
  const samples = { data: new Values(ownBuffer(data)), ...size }
  return { samples: grayWithAlpha ? firstAndLast(samples) : samples, alpha: hasAlpha }
}

function raw({ image, metadata, format }: EncodedPicture, space: string) {
  const depth = metadata.depth as 'uchar' | 'ushort' | 'float' | 'double'
  // Without a space for the work sharp makes CMYK RGB on the way.
  const kept = image.pipelineColourspace(space).toColourspace(space)
  return whole(format, kept.raw({ depth }).toBuffer({ resolveWithObject: true }))
}

function rgbLike(space: string): string {
  return space === 'grey16' ? 'rgb16' : 'srgb'
}

/** Gray and opacity, of RGB and opacity. */
function firstAndLast({ data, width, height, channels }: Samples): Samples {
  const out = samplesLike(data, 2 * width * height)
  for (let from = 0, to = 0; to < out.length; from += channels, to += 2) {
    out[to] = data[from] as number
    out[to + 1] = data[from + channels - 1] as number
  }
  return { data: out, width, height, channels: 2 }
}

function ownBuffer({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer {
  const isAll = byteOffset === 0 && byteLength === buffer.byteLength
  return (isAll ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer
}

/** Bytes per pixel that {@link samplesOf} takes: the samples, again if they are turned, what is held on the way, and a sorted copy of floats. */
export function storedPixelBytes(metadata: Metadata): number {
  const { channels, depth, orientation = 1 } = metadata
  const sample = { uchar: 1, ushort: 2, float: 4, double: 8 }[depth as 'uchar'] * channels
  const sorted = depth === 'float' || depth === 'double' ? 8 * channels : 0
  return sample * (orientation > 1 ? 2 : 1) + sorted + bytesOnTheWay(metadata)
}
