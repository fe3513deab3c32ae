import { describe, expect, it } from 'vitest'
import { readable, html, jsonForHtml } from '../../../src/report/html.ts'

describe('html', () => {
  for (const { name, value, expected } of [
    { name: 'markup', value: '<b onload=x>', expected: '&lt;b onload=x&gt;' },
    { name: 'an attribute’s end', value: `"' &amp;`, expected: '&quot;&#39; &amp;amp;' },
    { name: 'a number', value: 0, expected: '0' },
    { name: 'nothing', value: [null, undefined, false as const], expected: '' },
    { name: 'markup made here', value: [html`<i>${'<'}</i>`, '<'], expected: '<i>&lt;</i>&lt;' },
  ])
    it(`takes ${name}`, () => {
      expect(html`<p>${value}</p>`.text).toBe(`<p>${expected}</p>`)
    })
})

describe('jsonForHtml', () => {
  for (const text of ['</script><script>x', '<!--<script>', ']]>', '\u2028\u2029', '&lt;', '"\\']) {
    it(`holds ${JSON.stringify(text)} and gives it back`, () => {
      const json = jsonForHtml({ [text]: text }).text
      expect(json).not.toMatch(/[<>&\u2028\u2029]/)
      expect(JSON.parse(json)).toEqual({ [text]: text })
    })
  }
})

describe('readable', () => {
  it('keeps both ends, and exactly the length', () => {
    expect(readable('abcdefghij', 10)).toBe('abcdefghij')
    expect(readable('abcdefghijk', 10)).toBe('abcd…ghijk')
    expect(readable('abcdefghijk', 5)).toBe('ab…jk')
  })

  it('shows what would hide or turn the text', () => {
    expect(readable('a\u202egnp.exe\0\u200b\u2028', 99)).toBe(
      'a\\u202egnp.exe\\u0000\\u200b\\u2028',
    )
    expect(readable('two\nlines\tשלום', 99)).toBe('two lines שלום')
  })
})
