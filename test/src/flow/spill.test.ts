import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Spill } from '../../../src/flow/spill.ts'

async function newSpill(fileBytes: number): Promise<{ folder: string; spill: Spill }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-test-'))
  return { folder, spill: new Spill(() => Promise.resolve(folder), fileBytes) }
}

describe('Spill', () => {
  it('reads what it wrote, and removes a file when nothing in it is wanted', async () => {
    const { folder, spill } = await newSpill(1)
    const written = [await spill.write('one'), await spill.write({ two: 2 })] as const
    expect(await readdir(folder)).toHaveLength(2)
    expect(await spill.read(written[1])).toEqual({ two: 2 })
    await spill.forget(written[1])
    expect(await readdir(folder)).toHaveLength(1)
    expect(await spill.read(written[0])).toBe('one')
    await spill.close()
    expect(await readdir(folder)).toEqual([])
  })

  it('keeps a file to which a value is being written while the last one in it is forgotten', async () => {
    const { spill } = await newSpill(1_000)
    const first = await spill.write('one')
    const writing = spill.write('two')
    await spill.forget(first)
    expect(await spill.read(await writing)).toBe('two')
    await spill.close()
  })
})
