import type { Command } from 'commander'
import { configureFolderCommand } from './workflow-command.ts'

/** Sets up `millrace fit`. */
export function configure(command: Command): void {
  configureFolderCommand(
    command,
    async () => (await import('../workflows/fit.ts')).fit,
    async () => (await import('../workflows/report-parts.ts')).fitPartNames,
  )
}
