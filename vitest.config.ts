import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'
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

/** What measures the memory of its process, or takes over its clock. */
const alone = [
  ...['simulation', 'flow', 'parquet-writer', 'report-page', 'from-tar'].map(
    (name) => `**/${name}.test.ts`,
  ),
  ...['**/fuzz/*.test.ts', '**/tasks/decode.test.ts'],
]

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
    sequence: { sequencer: LongFirst },
    // The others share what they import, which is loaded once in each worker: 46 in place of 212 s of imports. None mocks a module.
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      {
        extends: true,
        test: {
          name: 'together',
          exclude: [...configDefaults.exclude, ...alone],
          isolate: false,
        },
      },
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI machines are shared and stall: there a failure has to come twice.
    retry: process.env['CI'] ? 1 : 0,
  },
})
