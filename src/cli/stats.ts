import type { Command } from 'commander'
import { configureStats } from './workflow-command.ts'

/** Sets up `millrace stats`. */
export function configure(command: Command): void {
  configureStats(command, async () => (await import('../workflows/stats.ts')).stats)
}
