import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Deferred } from '../../../src/flow/deferred.ts'
import { watchFolder } from '../../../src/pictures/watch-folder.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'watch-folder-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

describe('watchFolder', () => {
  it('tells that a folder has come', async () => {
    const stop = new AbortController()
    const come = new Deferred()
    const events: string[] = []
    const told = {
      found: () => events.push('file'),
      folder: () => {
        events.push('folder')
        come.resolve()
      },
      failed: () => events.push('failed'),
    }
    await watchFolder(root, {}, { told, signal: stop.signal })
    await mkdir(join(root, 'new'))
    await come.promise
    stop.abort()
    expect(events).toEqual(['folder'])
  })
})
