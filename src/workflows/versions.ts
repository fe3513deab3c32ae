import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageVersion } from '../package.ts'

const require = createRequire(import.meta.url)

/** Packages whose versions decide what is computed. */
const packages = ['onnxruntime-node', 'sharp', 'parquet-wasm', 'apache-arrow', 'usearch']

/** Versions of what a report is made with, by name. */
export function versions(): Record<string, string> {
  return {
    millrace: packageVersion(),
    node: process.versions.node,
    ...Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
  }
}

/** The version in a package's own `package.json`, which its exports may hide. */
function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      const text = readFileSync(join(folder, name, 'package.json'), 'utf8')
      return (JSON.parse(text) as { version: string }).version
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }
  return 'unknown'
}
