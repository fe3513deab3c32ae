import { encodeFooter } from '../../src/parquet/footer-edit.ts'
import { encodeStruct } from '../../src/parquet/thrift-codec.ts'
import { i64, list, type Struct, utf8, type Value } from '../../src/parquet/thrift.ts'

/** A struct by its field ids, for files that no writer writes. */
export function struct(fields: Readonly<Record<number, Value>>): Struct {
  return {
    type: 'struct',
    fields: new Map(Object.entries(fields).map(([id, v]) => [Number(id), v])),
  }
}

/** A number of 32 bits. */
export function i32(value: number): Value {
  return { type: 'i32', value }
}

/** An element of a schema: a group with children, or a column of int32. */
export function element(name: string, children?: number): Struct {
  if (children !== undefined) return struct({ 3: i32(0), 4: utf8(name), 5: i32(children) })
  return struct({ 1: i32(1), 3: i32(0), 4: utf8(name) })
}

/** A file of `data`, and what its footer says. */
export function fileOf(
  data: Uint8Array,
  footer: {
    readonly schema: readonly Struct[]
    readonly groups?: readonly Struct[]
    readonly rows?: number
  },
): Uint8Array {
  const { schema, groups = [], rows = 0 } = footer
  const said = struct({ 1: i32(1), 2: list(schema), 3: i64(rows), 4: list(groups) })
  return Buffer.concat([Buffer.from('PAR1'), data, encodeFooter(said)])
}

/** What a column of int32 says of itself. */
export interface CraftedPage {
  /** Compressed values; 2 stands for gzip. */
  readonly body: Uint8Array
  readonly codec?: number
  /** Bytes that the page says it decompresses to. */
  readonly rawBytes: number
  /** Values that the page says it has. */
  readonly values: number
  /** Physical type: int32, unless it is said. */
  readonly type?: number
}

/** A file of one column `v`, of int32 unless its type is said, with one page. */
export function pageFile({ body, codec = 0, rawBytes, values, type = 1 }: CraftedPage): Uint8Array {
  const plain = struct({ 1: i32(values), 2: i32(0), 3: i32(3), 4: i32(3) })
  const head = encodeStruct(struct({ 1: i32(0), 2: i32(rawBytes), 3: i32(body.length), 5: plain }))
  const data = Buffer.concat([head, body])
  const column = struct({
    1: i32(type),
    2: list([i32(0)], 'i32'),
    3: list([utf8('v')], 'binary'),
    4: i32(codec),
    5: i64(values),
    6: i64(rawBytes + head.length),
    7: i64(data.length),
    9: i64(4),
  })
  const chunk = struct({ 2: i64(0), 3: column })
  const group = struct({ 1: list([chunk]), 2: i64(rawBytes), 3: i64(values) })
  const leaf = struct({ 1: i32(type), 3: i32(0), 4: utf8('v') })
  const schema = [element('schema', 1), leaf]
  return fileOf(data, { schema, groups: [group], rows: values })
}
