/** Markup that may stand in a page as it is. Only {@link html} and {@link jsonForHtml} make it. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What a template may hold. Text is escaped; `null`, `undefined` and `false` leave nothing. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[]

/** Template tag: makes markup, with every value that is not itself {@link Html} escaped for text and quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts: string[] = []
  strings.forEach((string, i) => {
    parts.push(string)
    if (i < values.length) parts.push(toText(values[i]))
  })
  return new Html(parts.join(''))
}

/** `value` as JSON inside a script element: nothing in it can end the element or open a comment. */
export function jsonForHtml(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(
      /[<>&\u2028\u2029]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  )
}

/**
 * Returns `text` as a person can read it: its two ends if it is longer than `length` characters, line breaks and
 * tabs as spaces, and the code in place of characters that show nothing or turn the direction of reading
 * (a name that holds U+202E and `gnp.exe` would be seen as `exe.png`).
 */
export function readable(text: string, length: number): string {
  const head = Math.floor((length - 1) / 2)
  const cut =
    text.length <= length ? text : `${text.slice(0, head)}…${text.slice(head + 1 - length)}`
  return cut
    .replace(/[\t\n\r]/g, ' ')
    .replace(
      /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function toText(value: HtmlValue): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (c) => entities[c] ?? c)
  return value ? value.map(toText).join('') : ''
}
