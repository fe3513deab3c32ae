import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    dir: 'test',
    // Much of the time goes into processes that are waited for.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI machines are shared and stall: there a failure has to come twice.
    retry: process.env['CI'] ? 1 : 0,
  },
})
