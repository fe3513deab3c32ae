/** What Hive writes in place of a null. */
const nullName = '__HIVE_DEFAULT_PARTITION__'

/** What Hive escapes in the names of folders. */
const special = /[\u0000-\u001f"#%'*/:=?\\{[\]^\u007f]/g

/**
 * The name of the folder for rows that have `value` in `column`: `label=cat`.
 *
 * @see https://github.com/apache/hive/blob/master/common/src/java/org/apache/hadoop/hive/common/FileUtils.java
 */
export function hiveFolder(column: string, value: string | null): string {
  return `${escaped(column)}=${value === null ? nullName : escaped(value)}`
}

/** What the folders of `path` say of the rows in it, by column. The last name is the file's. */
export function hiveValues(path: string): ReadonlyMap<string, string | null> {
  const values = new Map<string, string | null>()
  for (const name of path.split('/').slice(0, -1)) {
    const at = name.indexOf('=')
    if (at < 1) continue
    const value = name.slice(at + 1)
    values.set(unescaped(name.slice(0, at)), value === nullName ? null : unescaped(value))
  }
  return values
}

function escaped(text: string): string {
  return text.replace(
    special,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** Other writers escape more than Hive; a sign that escapes nothing stands for itself. */
function unescaped(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}
