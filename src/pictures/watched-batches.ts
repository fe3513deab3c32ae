import type { RecordBatch } from 'apache-arrow'
import type { Context } from '../flow/context.ts'
import type { Skipped } from '../flow/source.ts'
import { fileBatches, type Reading } from './file-batches.ts'
import type { idle, Placed, Position } from './picture-files.ts'
import { SeenFiles, type SeenState } from './seen-files.ts'
import { watchedFiles } from './watched-files.ts'
import type { WatchSettings } from './watch-options.ts'

/** How a watch goes on. */
export interface Watched extends WatchSettings {
  /** The run that keeps what it takes to resume. */
  readonly run: Context['run']
  /** Where an earlier run has come to. */
  readonly from: SeenState | undefined
}

/** The files that are there and those to come, each once, in runs that go on as well. */
export async function* watchedBatches(
  reading: Reading,
  { run, from, ...settings }: Watched,
): AsyncGenerator<readonly [Skipped<RecordBatch>, SeenState | undefined]> {
  const { roots, signal } = reading
  const seen = await SeenFiles.open(run, from)
  /** Handed out, and not gone on yet. */
  const ahead: Position[] = []
  const names = new Set<string>()
  function nameOf({ root, path }: Position): string {
    return `${String(root)}/${path}`
  }

  function isSeen({ position }: Placed): boolean {
    return seen.has(nameOf(position)) || names.has(nameOf(position))
  }

  async function* files(): AsyncGenerator<Placed | typeof idle> {
    for await (const file of watchedFiles({ ...settings, roots, seen: isSeen, signal })) {
      if ('root' in file) {
        ahead.push(file.position)
        names.add(nameOf(file.position))
      }
      yield file
    }
  }

  try {
    for await (const [value, last] of fileBatches(files(), reading)) {
      const gone = ahead.splice(0, ahead.indexOf(last) + 1).map(nameOf)
      const state = await seen.add(gone)
      for (const name of gone) names.delete(name)
      yield [value, state]
    }
  } finally {
    await seen.close()
  }
}
