const magicBytes = 8
const memorySection = 5
const pageBytes = 65_536

/**
 * A WebAssembly module whose memory cannot grow beyond `bytes`. Parquet-wasm 0.8 decompresses a page
 * whole before it compares its size with the one announced, so nothing else bounds what a page of
 * a few bytes inflates to.
 *
 * @see https://webassembly.github.io/spec/core/binary/modules.html#memory-section
 */
export function withLimitedMemory(module: Uint8Array, bytes: number): Uint8Array {
  let at = magicBytes
  while (at < module.length) {
    const id = module[at]
    const size = numberAt(module, at + 1)
    const end = size.end + size.value
    if (id === memorySection) {
      const content = limited(module.subarray(size.end, end), Math.floor(bytes / pageBytes))
      const head = Uint8Array.of(memorySection, ...encoded(content.length))
      return Buffer.concat([module.subarray(0, at), head, content, module.subarray(end)])
    }
    at = end
  }
  throw new Error('Expected a WebAssembly module with a memory, got one without')
}

/** The section with a largest size; it has one memory, whose first byte says whether there is one already. */
function limited(section: Uint8Array, pages: number): Uint8Array {
  const least = numberAt(section, 2)
  return Uint8Array.of(1, 1, ...section.subarray(2, least.end), ...encoded(pages))
}

function numberAt(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0
  for (let at = start, factor = 1; ; at++, factor *= 128) {
    const byte = bytes[at] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return { value, end: at + 1 }
  }
}

function encoded(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...encoded(Math.floor(value / 128))]
}
