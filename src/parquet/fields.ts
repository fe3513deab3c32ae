/** Field ids of FileMetaData, as the format numbers them. */
export const file = { schema: 2, numRows: 3, rowGroups: 4, metadata: 5, orders: 7, encryption: 8 }
/** Field ids of SchemaElement. */
export const element = { name: 4, children: 5 }
/** Field ids of RowGroup. */
export const group = {
  columns: 1,
  rawBytes: 2,
  numRows: 3,
  sorting: 4,
  offset: 5,
  bytes: 6,
  ordinal: 7,
}
/** Field ids of ColumnChunk. */
export const chunk = { path: 1, offset: 2, data: 3, indexes: [4, 5, 6, 7], encryption: 8 }
/** Field ids of ColumnMetaData. */
export const column = {
  type: 1,
  values: 5,
  rawBytes: 6,
  bytes: 7,
  page: 9,
  index: 10,
  dictionary: 11,
  statistics: 12,
  bloom: [14, 15],
}
/** Field ids of KeyValue. */
export const pair = { key: 1, value: 2 }
