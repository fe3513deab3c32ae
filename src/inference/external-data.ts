/**
 * How the entry `location` of a tensor's `external_data` begins, as protobuf writes it: field 1 of 8 bytes,
 * `location`, then field 2, the path.
 */
const entry = Buffer.from('\n\x08location\x12', 'latin1')

/**
 * The files, relative to its folder, in which an ONNX model keeps tensors that are not in itself; sorted.
 *
 * @see https://onnx.ai/onnx/repo-docs/ExternalData.html
 */
export function externalDataFiles(model: Buffer): readonly string[] {
  const files = new Set<string>()
  for (let at = model.indexOf(entry); at >= 0; at = model.indexOf(entry, at)) {
    at += entry.length
    let length = 0
    for (let shift = 0, byte = 0x80; byte >= 0x80 && shift < 28; shift += 7) {
      byte = model[at++] ?? 0
      length |= (byte & 0x7f) << shift
    }
    files.add(model.toString('utf8', at, at + length))
  }
  return [...files].sort()
}
