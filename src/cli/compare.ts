import type { Command } from 'commander'
import { configureCompare } from './workflow-command.ts'

/** Sets up `millrace compare`. */
export function configure(command: Command): void {
  configureCompare(command, async () => (await import('../workflows/compare.ts')).compare)
}
