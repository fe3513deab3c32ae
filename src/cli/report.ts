import type { Command } from 'commander'
import { configureReport } from './workflow-command.ts'

/** Sets up `millrace report`. */
export function configure(command: Command): void {
  configureReport(command, async () => (await import('../workflows/report.ts')).report)
}
