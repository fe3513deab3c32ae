import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const here = import.meta.dirname

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
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI machines are shared and stall: there a failure has to come twice.
    retry: process.env['CI'] ? 1 : 0,
  },
})
