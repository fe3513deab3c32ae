import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { requireModelPlace } from '../../../src/models/model-place.ts'
import { loadModel, saveModel, writeModel } from '../../../src/models/save.ts'

let parent: string
let folder: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-place-'))
  folder = join(parent, 'model')
})
afterEach(() => rm(parent, { recursive: true }))

const state = {
  ...{ kind: 'thing', version: 1, rowsSeen: 1, parameters: {} },
  arrays: { mean: { shape: [1], values: Float64Array.of(1) } },
}

/** How messages begin and end. */
const told = (got: string): string =>
  `Expected \`${folder}\`, where a model is to be saved, to be a model, an empty folder or nothing, got ${got}`

describe('requireModelPlace', () => {
  it('takes nothing, an empty folder and a model', async () => {
    await requireModelPlace(folder)
    await mkdir(folder)
    await requireModelPlace(folder)
    await saveModel(folder, state)
    await requireModelPlace(folder)
  })

  it('refuses a folder of other files, and a model with one beside it', async () => {
    const message = told('`notes.txt` in it; save somewhere else, or move it away')
    await mkdir(folder)
    await writeFile(join(folder, 'notes.txt'), 'mine')
    await expect(requireModelPlace(folder)).rejects.toMatchObject({ code: 'OPTION', message })
    await rm(folder, { recursive: true })
    await saveModel(folder, state)
    await writeFile(join(folder, 'notes.txt'), 'mine')
    await expect(saveModel(folder, state)).rejects.toThrow(message)
    expect(await readdir(folder)).toEqual(['mean.arrow', 'model.json', 'notes.txt'])
    expect(await readdir(parent)).toEqual(['model'])
  })

  it('refuses a damaged model, and a file', async () => {
    await saveModel(folder, state)
    await writeFile(join(folder, 'model.json'), '{')
    await expect(requireModelPlace(folder)).rejects.toThrow(
      told('a damaged one (Expected JSON in `model.json`); remove the folder to save there'),
    )
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    await expect(requireModelPlace(folder)).rejects.toThrow(told('a file'))
  })
})

describe('writeModel', () => {
  it('leaves nothing of a model that could not be written', async () => {
    const files = { index: join(parent, 'gone') }
    await expect(writeModel(folder, { ...state, files })).rejects.toThrow('ENOENT')
    expect(await readdir(parent)).toEqual([])
  })
})

describe('loadModel', () => {
  it.skipIf(process.getuid?.() === 0)('says that a model may not be read', async () => {
    await saveModel(folder, state)
    await chmod(join(folder, 'model.json'), 0)
    await expect(loadModel(folder, 'thing')).rejects.toMatchObject({
      code: 'CONNECTOR',
      message: `Expected to read \`model.json\` of the model in \`${folder}\`, got no permission (EACCES); give yourself the right to read it`,
    })
  })
})
