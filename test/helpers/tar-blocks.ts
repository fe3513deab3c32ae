/** What a header of a tar archive says; a number in octal unless it is given as text. */
export interface TarHeader {
  readonly name: string | Uint8Array
  /** Bytes of the content. */
  readonly size: number | string
  /** `0` a file, `L` a long name of GNU, `x` a pax header … */
  readonly type?: string
  /** Nothing for the archives of before 1988. */
  readonly magic?: 'ustar\u000000' | 'ustar  \0' | ''
  readonly prefix?: string
}

const blockBytes = 512

/** A header, with its sum. */
export function tarHeader({ name, size, type = '0', magic, prefix = '' }: TarHeader): Buffer {
  const block = Buffer.alloc(blockBytes)
  block.set(Buffer.from(name as string, 'utf8').subarray(0, 100))
  block.write('0000644\u00000000000\u00000000000\0', 100, 'latin1')
  block.write(typeof size === 'number' ? size.toString(8).padStart(11, '0') : size, 124, 'latin1')
  block.write('00000000000\0        ', 136, 'latin1')
  block.write(type, 156, 'latin1')
  block.write(magic ?? 'ustar\u000000', 257, 'latin1')
  block.write(prefix, 345, 'utf8')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** A member: its header, its content, and zeros up to the next block. */
export function tarMember(
  name: string | Uint8Array,
  content: string | Uint8Array,
  header: Partial<TarHeader> = {},
): Buffer {
  const bytes = Buffer.from(content as string, 'utf8')
  const padding = Buffer.alloc(-bytes.length & (blockBytes - 1))
  return Buffer.concat([tarHeader({ name, size: bytes.length, ...header }), bytes, padding])
}

/** An archive of members. */
export function tarArchive(...members: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(2 * blockBytes)])
}
