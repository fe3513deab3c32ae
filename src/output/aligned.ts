/**
 * Rows of cells as lines of text, each column as wide as its widest cell, in characters; those in `right` are flush right.
 */
export function aligned(
  rows: readonly (readonly string[])[],
  right: (column: number) => boolean = () => false,
): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries())
      widths[i] = Math.max(widths[i] ?? 0, Array.from(cell).length)
  return rows.map((row) => {
    const cells = row.map((cell, i) => padded(cell, widths[i] ?? 0, right(i)))
    return cells.join('  ').trimEnd()
  })
}

function padded(cell: string, width: number, right: boolean): string {
  const room = ' '.repeat(width - Array.from(cell).length)
  return right ? room + cell : cell + room
}
