import type { Command } from 'commander'
import { configureScore } from './workflow-command.ts'

/** Sets up `millrace score`. */
export function configure(command: Command): void {
  configureScore(command, async () => (await import('../workflows/score.ts')).score)
}
