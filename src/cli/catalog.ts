import { readFile } from 'node:fs/promises'
import { builtFile } from '../package.ts'

/** One operator or connector, as its doc comment and its options interface describe it. */
export interface CatalogEntry {
  /** Name of the exported function. */
  readonly name: string
  /** What it is. */
  readonly kind: 'operator' | 'source' | 'sink'
  /** What to import it from. */
  readonly module: string
  /** How it is called. */
  readonly signature: string
  /** One sentence: what it does to the data. */
  readonly summary: string
  /** The rest of the doc comment. */
  readonly details: string
  /** Its options. */
  readonly options: readonly CatalogOption[]
  /** Errors that it throws, and when. */
  readonly throws: readonly string[]
  /** How it is used. */
  readonly example?: string
}

/** One option. */
export interface CatalogOption {
  /** Its name. */
  readonly name: string
  /** Its type, as TypeScript. */
  readonly type: string
  /** Whether it has to be given. */
  readonly required: boolean
  /** What it is without being given. */
  readonly default?: string
  /** What it means. */
  readonly text: string
}

/** Reads the catalog that the build wrote. */
export async function readCatalog(): Promise<readonly CatalogEntry[]> {
  return JSON.parse(await readFile(builtFile('catalog.json'), 'utf8')) as CatalogEntry[]
}
