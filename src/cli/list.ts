import type { Command } from 'commander'
import { readCatalog } from './catalog.ts'
import { jsonOption } from './options.ts'
import { print, printJson, table } from './output.ts'

const titles = { source: 'Sources', operator: 'Operators', sink: 'Sinks' } as const

/** Sets up `millrace list`. */
export function configure(command: Command): void {
  command.addOption(jsonOption()).action(list)
}

async function list(options: { readonly json?: true }): Promise<void> {
  const entries = await readCatalog()
  if (options.json) {
    printJson(entries.map(({ name, kind, module, summary }) => ({ name, kind, module, summary })))
    return
  }
  const parts = (['source', 'operator', 'sink'] as const).map((kind) => {
    const rows = entries.filter((entry) => entry.kind === kind)
    return `${titles[kind]}\n${table(
      rows.map(({ name, summary }) => [name, summary]),
      '  ',
    )}`
  })
  print(parts.join('\n\n'))
}
