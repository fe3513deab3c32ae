import type { Command } from 'commander'
import { didYouMean } from '../options.ts'
import { type CatalogEntry, type CatalogOption, readCatalog } from './catalog.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { UsageError } from './usage-error.ts'

/** Sets up `millrace describe`. */
export function configure(command: Command): void {
  command
    .argument('<name>', 'operator or connector, as in millrace list')
    .addOption(jsonOption())
    .action(describe)
}

async function describe(name: string, options: { readonly json?: true }): Promise<void> {
  const entries = await readCatalog()
  const entry = entries.find((e) => e.name === name || e.module.endsWith(`/${name}`))
  if (!entry) {
    const names = entries.map((e) => e.name)
    throw new UsageError(
      `Expected an operator or connector, got \`${name}\`${didYouMean(name, names)}\nSee them with: millrace list`,
    )
  }
  if (options.json) printJson(entry)
  else print(entryText(entry))
}

/** An entry as a person reads it. */
export function entryText(entry: CatalogEntry): string {
  const parts = [
    `${entry.name}: ${entry.summary}`,
    `import { ${entry.name} } from '${entry.module}'\n${entry.signature}`,
    entry.details,
    entry.options.length > 0 ? `Options\n${entry.options.map(optionText).join('\n')}` : '',
    entry.throws.length > 0 ? `Errors\n${entry.throws.map((line) => `  ${line}`).join('\n')}` : '',
    entry.example === undefined ? '' : `Example\n${indented(entry.example)}`,
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function optionText(option: CatalogOption): string {
  const must = option.required ? ' (required)' : ''
  const without = option.default === undefined ? '' : ` (default: ${option.default})`
  return `  ${option.name}: ${option.type}${must}${without}\n${indented(option.text, '      ')}`
}

function indented(text: string, indent = '  '): string {
  return text
    .split('\n')
    .map((line) => `${indent}${line}`.trimEnd())
    .join('\n')
}
