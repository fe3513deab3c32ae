import type { Footer, Projection } from './footer.ts'

/** Where a column comes from: a column of the file, or a field of one. */
export interface ColumnOrigin {
  /** The column of the file. */
  readonly column: string
  /** The field of it; undefined for the whole column. */
  readonly field: string | undefined
}

/**
 * What is read for columns of these origins. For none it is the column that takes the fewest bytes: without any the
 * file would not say how many rows it has.
 */
export function projectionOf(origins: readonly ColumnOrigin[], footer: Footer): Projection {
  const fields = new Map<string, Set<string> | 'all'>()
  for (const { column, field } of origins) {
    const known = fields.get(column)
    if (field === undefined || known === 'all') fields.set(column, 'all')
    else fields.set(column, new Set([...(known ?? []), field]))
  }
  if (fields.size === 0) return new Set([smallest(footer)])
  return {
    has(column, field) {
      const known = fields.get(column)
      return known !== undefined && (known === 'all' || field === undefined || known.has(field))
    },
  }
}

function smallest({ columns, rowGroups }: Footer): string {
  const bytes = new Map<string, number>(columns.map((name) => [name, 0]))
  for (const { column, rawBytes } of rowGroups[0]?.chunks ?? [])
    bytes.set(column, (bytes.get(column) ?? 0) + rawBytes)
  const [least] = [...bytes].sort(([, a], [, b]) => a - b)
  return least?.[0] ?? ''
}
