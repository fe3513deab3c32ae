import { existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeFolder } from '../../../src/workflows/output-folder.ts'

describe('makeFolder', () => {
  it('makes a folder with those above it, once', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'a', 'b')
    await makeFolder(path)
    await makeFolder(path)
    expect(statSync(path).isDirectory()).toBe(true)
  })

  it('fails below a file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'file')
    writeFileSync(file, '')
    const folder = 'to be a folder that can be written, got'
    await expect(makeFolder(file)).rejects.toThrow(`${folder} EEXIST`)
    await expect(makeFolder(join(file, 'models'))).rejects.toThrow(`${folder} ENOTDIR`)
  })

  it.runIf(existsSync('/proc/self'))('fails where the system makes no folder', async () => {
    await expect(makeFolder('/proc/millrace/models')).rejects.toThrow('got ENOENT')
  })
})
