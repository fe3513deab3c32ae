import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pictureModel } from '../../../src/inference/picture-model.ts'
import { openModel } from '../../../src/inference/open-model.ts'

let parent: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-external-'))
  await mkdir(join(parent, 'model'))
  await writeFile(join(parent, 'secret.bin'), Buffer.alloc(48))
  await writeFile(join(parent, 'model', 'beside.bin'), Buffer.alloc(48))
  await symlink('../secret.bin', join(parent, 'model', 'link.bin'))
})
afterAll(() => rm(parent, { recursive: true }))

/** A field of a protobuf message: a number, or what has a length. */
function field(id: number, ...content: readonly (Uint8Array | string | number)[]): Buffer {
  const [only] = content
  if (typeof only === 'number') return Buffer.from([id << 3, only])
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part as string)))
  if (bytes.length > 127) {
    const length = [(bytes.length & 127) | 128, bytes.length >> 7]
    return Buffer.concat([Buffer.from([(id << 3) | 2, ...length]), bytes])
  }
  return Buffer.concat([Buffer.from([(id << 3) | 2, bytes.length]), bytes])
}

/** y = (x + w) + w with pictures of 2 × 2 and `w` in the file at `location`; x + w is called z. */
function model(location: string): Buffer {
  const dims = [1, 3, 2, 2]
  const shape = field(2, ...dims.map((size) => field(1, field(1, size))))
  const tensor = (id: number, name: string) =>
    field(id, field(1, name), field(2, field(1, field(1, 1), shape)))
  const add = (a: string, to: string) =>
    field(1, field(1, a), field(1, 'w'), field(2, to), field(4, 'Add'))
  const where = field(13, field(1, 'location'), field(2, location))
  const sizes = Buffer.concat(dims.map((size) => field(1, size)))
  // External data is field 14 of a tensor, whose tag takes one byte.
  const w = field(5, sizes, field(2, 1), field(8, 'w'), where, field(14, 1))
  const parts = [add('x', 'z'), add('z', 'y'), field(2, 'g'), w, tensor(11, 'x'), tensor(12, 'y')]
  return Buffer.concat([field(1, 8), field(7, ...parts), field(8, field(1, ''), field(2, 13))])
}

async function load(location: string, outputs?: string): Promise<string> {
  const file = join(parent, 'model', 'model.onnx')
  await writeFile(file, model(location))
  const settings = pictureModel({ model: file, ...(outputs !== undefined && { outputs }) })
  return openModel(settings, { width: 2, height: 2 }).then(
    async (opened) => {
      await opened.close()
      return 'loads'
    },
    (error: unknown) => (error as Error).message,
  )
}

describe('openModel', () => {
  it('reads tensors from a file beside the model', async () => {
    expect(await load('beside.bin')).toBe('loads')
  })

  it.each([
    ['above the folder', () => '../secret.bin'],
    ['anywhere', () => join(parent, 'secret.bin')],
    ['behind a link', () => 'link.bin'],
  ])('refuses tensors from a file %s', async (_, location) => {
    expect(await load(location())).toContain('External data path')
  })

  it('reads none from the working directory for the sake of an inner tensor', async () => {
    const inCwd = await mkdtemp(join(process.cwd(), '.external-'))
    try {
      const file = join(inCwd, 'w.bin')
      await writeFile(file, Buffer.alloc(48))
      expect(await load(relative(process.cwd(), file), 'y')).toContain('External data path')
      await writeFile(join(parent, 'model', 'model.onnx'), model('beside.bin'))
      expect(await load('beside.bin', 'z')).toContain('External data path does not exist')
    } finally {
      await rm(inCwd, { recursive: true })
    }
  })
})
