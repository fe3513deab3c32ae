import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/**
 * Compares `text` with the golden file at `url`; what differs is left beside it as `…-changed`.
 * `UPDATE_GOLDEN=1` rewrites the file.
 */
export function expectGolden(text: string, url: URL): void {
  const file = fileURLToPath(url)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
  const golden = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text !== golden) writeFileSync(`${file}-changed`, text)
  expect(text).toBe(golden)
}
