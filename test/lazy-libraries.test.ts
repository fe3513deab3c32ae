import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('loads no native library before a flow needs it, with all operators and connectors', async () => {
  const built = new URL('../dist/', import.meta.url).href
  const program = `import { readdirSync } from 'node:fs'
    const before = process.report.getReport().sharedObjects
    for (const folder of ['operators/', 'connectors/'])
      for (const file of readdirSync(new URL(folder, '${built}')).filter((name) => name.endsWith('.js')))
        await import('${built}' + folder + file)
    const libraries = () => process.report.getReport().sharedObjects.filter((o) => !before.includes(o))
    const loaded = libraries()
    await import('${import.meta.resolve('sharp')}')
    console.log(JSON.stringify({ loaded, withSharp: libraries().length > 0 }))`
  const folder = await mkdtemp(join(tmpdir(), 'millrace-lazy-'))
  const path = join(folder, 'program.mjs')
  await writeFile(path, program)
  const { stdout } = await promisify(execFile)(process.execPath, [path])
  await rm(folder, { recursive: true })
  expect(JSON.parse(stdout)).toEqual({ loaded: [], withSharp: true })
})
