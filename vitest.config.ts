import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    dir: 'test',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // CI machines are shared and stall: there a failure has to come twice.
    retry: process.env['CI'] ? 1 : 0,
  },
})
