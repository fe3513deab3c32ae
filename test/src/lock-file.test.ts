import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { lockFile } from '../../src/lock-file.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
  path = join(folder, 'lock')
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** The number of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

describe('lockFile', () => {
  it('is held until it is let go', async () => {
    const unlock = await lockFile(path)
    await expect(lockFile(path)).rejects.toMatchObject({
      code: 'CONNECTOR',
      url: path,
      message: `Expected no other run in the folder, got process ${String(process.pid)}: wait for its end, or stop it`,
    })
    await unlock()
    expect(existsSync(path)).toBe(false)
    await (
      await lockFile(path)
    )()
  })

  it.each([
    { name: 'a process that is gone', text: () => lock({ pid: deadPid() }) },
    { name: 'a process whose number was given again', text: () => lock({ started: '1' }) },
    { name: 'a crash that left it empty', text: () => '' },
    { name: 'a crash that cut it', text: () => '{"pid":' },
    { name: 'nobody', text: () => 'null' },
  ])('is taken over from $name', async ({ text }) => {
    writeFileSync(path, text())
    const unlock = await lockFile(path)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid })
    await unlock()
  })

  it('is not taken over from another machine', async () => {
    writeFileSync(path, lock({ pid: deadPid(), host: 'elsewhere' }))
    await expect(lockFile(path)).rejects.toThrow(
      `on elsewhere: remove ${path} if that process is no longer running`,
    )
  })

  it('goes to one of many that want it at once', async () => {
    writeFileSync(path, lock({ pid: deadPid() }))
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => lockFile(path)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of all)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ConnectorError)
  })
})

function lock(holder: { pid?: number; host?: string; started?: string }): string {
  return JSON.stringify({ pid: process.pid, host: hostname(), started: null, ...holder })
}
