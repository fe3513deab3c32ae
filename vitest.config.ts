import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const here = import.meta.dirname

/** What takes a minute and more. */
const long = /(chaos\/crash|four-ways|replay|soak)\.test\.ts$/

/** Begins with what is long, so that no worker is left with it at the end. Vitest goes by sizes of files until it knows times. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean => long.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  resolve: {
    // Tests that import an example run it from the sources, as they do everything else.
    alias: [
      { find: /^millrace$/, replacement: join(here, 'src', 'index.ts') },
      { find: /^millrace\/(.*)$/, replacement: join(here, '$1.ts') },
    ],
  },
  test: {
    dir: 'test',
    // Much of the time goes into processes that are waited for.
    maxWorkers: 2,
    // What all files import is loaded once in each worker, which is a sixth of the time; none mocks a module.
    isolate: false,
    sequence: { sequencer: LongFirst },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI machines are shared and stall: there a failure has to come twice.
    retry: process.env['CI'] ? 1 : 0,
  },
})
