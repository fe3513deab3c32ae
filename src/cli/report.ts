import type { Command } from 'commander'
import { configureFolderCommand } from './workflow-command.ts'

/** Sets up `millrace report`. */
export function configure(command: Command): void {
  configureFolderCommand(
    command,
    async () => (await import('../workflows/report.ts')).report,
    async () => (await import('../workflows/report-parts.ts')).partNames,
  )
}
