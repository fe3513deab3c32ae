import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../helpers/command.ts'
import { tinyModel } from '../../helpers/tiny-model.ts'
import { clipart, newFolder } from '../../helpers/workflows.ts'

/** A folder that anyone can enter, with a picture, some bad input, and one that only its owner can read. */
const folder = newFolder()
chmodSync(folder, 0o755)
for (const name of ['photos', 'empty', 'texts', 'locked', 'sealed']) mkdirSync(join(folder, name))
for (const name of ['photos', 'locked'])
  copyFileSync(join(clipart, 'test/desserts/candy_20.png'), join(folder, name, 'a.png'))
writeFileSync(join(folder, 'texts/notes.txt'), 'no picture')
writeFileSync(join(folder, 'numbers.csv'), 'id,e0\na,1\n')
writeFileSync(join(folder, 'broken.onnx'), 'no model')
writeFileSync(join(folder, 'flat.onnx'), tinyModel({ shape: ['N', 7] }))
chmodSync(join(folder, 'locked'), 0)
chmodSync(join(folder, 'sealed'), 0o555)

/** An ordinary user: permissions mean nothing to root. */
const user = process.getuid?.() === 0 ? { user: 65_534 } : {}
const ordinary = (await millrace(['--version'], user)).code === 0
if (!ordinary)
  console.error(
    '\n*** SKIPPED: tests of permissions, an ordinary user cannot read this clone ***\n',
  )

function report(...args: string[]): Promise<Ended> {
  return millrace(['report', ...args, '--quiet'], { cwd: folder })
}

const pictures = 'Expected pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF)'

/** The arguments, the exit code, and how what is said begins. */
const cases: readonly (readonly [string, readonly string[], number, string])[] = [
  [
    'a folder that does not exist',
    ['nowhere'],
    1,
    'Expected a file or folder at `nowhere`, got none',
  ],
  ['an empty folder', ['empty'], 1, `${pictures} in \`empty\`, got no files`],
  ['a folder without a picture', ['texts'], 1, `${pictures} in \`texts\`, got 1 other file`],
  [
    'a URL of another kind as source, and does not tell its password',
    ['ftp://me:secret@host/photos'],
    2,
    'Expected option `location` to be a path, an http(s):// URL or s3://bucket/key, got `ftp://…@host/photos`\n',
  ],
  [
    'a list that leads to no pictures',
    ['numbers.csv'],
    2,
    'Expected a list with a column of paths of pictures, such as `path`, got columns id, e0; rows with an `embedding` are read from Parquet and Arrow files\n',
  ],
  [
    'a broken model',
    ['photos', '--model', 'broken.onnx'],
    1,
    'Expected an ONNX model, got a file that does not load: ',
  ],
  [
    'a model that is not there',
    ['photos', '--model', 'nowhere.onnx'],
    2,
    'Expected option `model` to be an .onnx file, a model.json or the folder of a SavedModel, got `nowhere.onnx`, which cannot be read',
  ],
  [
    'a model that takes no pictures',
    ['photos', '--model', 'flat.onnx'],
    2,
    'Expected a model with one input of pictures (float32, int32, uint8; [1 or any, height, width, 3] or [1 or any, 3, height, width]), got `x` float32 [N, 7]',
  ],
  [
    'labels that match nothing',
    ['photos', '--labels', '{split}/{label}/{name}'],
    2,
    'Expected option `labels` to match a path, got `{split}/{label}/{name}`, which does not match `a.png`',
  ],
  [
    'labels with an unknown name',
    ['photos', '--labels', '{lable}/{name}'],
    2,
    'Expected option `labels` to have {label}, {split} and {name} at most once, got {lable} in `{lable}/{name}`; did you mean `label`?',
  ],
  [
    'pictures and a Parquet file',
    ['photos', 'rows.parquet'],
    2,
    'Expected sources of one format, got `photos` (pictures) and `rows.parquet` (parquet)',
  ],
]

/** One or two lines for a person, without where in the package it happened. */
function expectPlain({ stdout, stderr }: Ended): void {
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/^\s+at |node_modules|dist\/src|\.cc:\d+/m)
  expect(stderr).not.toContain(process.cwd())
  expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3)
}

describe('millrace report', () => {
  it.each(cases)('refuses %s', async (_name, args, code, message) => {
    const out = newFolder()
    const ended = await report(...args, '--out', out)
    expectPlain(ended)
    expect(ended.stderr.startsWith(`error: ${message}`), ended.stderr).toBe(true)
    expect(ended.code).toBe(code)
    expect(readdirSync(out).filter((name) => name !== 'models')).toEqual([])
  })

  it('refuses an output that is a URL, and makes no folder of that name', async () => {
    const ended = await report('photos', '--out', 's3://key:se/cret@bucket/out')
    expectPlain(ended)
    expect(ended).toMatchObject({
      code: 2,
      stderr:
        'error: Expected option `out` to be a path on this machine (s3:// is not supported), got `s3://…@bucket/out` (string)\n',
    })
    expect(readdirSync(folder)).not.toContain('s3:')
  })

  it('refuses an output that is a file', async () => {
    const ended = await report('photos', '--out', 'texts/notes.txt')
    expectPlain(ended)
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: Expected `texts\/notes.txt` to be a folder that can be written, got EEXIST/,
      ) as string,
    })
  })

  it.skipIf(!ordinary)('refuses a folder that it may not read', async () => {
    const out = newFolder()
    chmodSync(out, 0o777)
    const args = ['report', 'locked', '--out', out, '--quiet']
    const ended = await millrace(args, { cwd: folder, ...user })
    expectPlain(ended)
    expect(ended.stderr).toMatch(/^error: Expected to read `locked`, got no permission \(EACCES\)/)
    expect(ended.code).toBe(1)
  })

  it.skipIf(!ordinary)('refuses a folder that it may not write', async () => {
    const args = ['report', 'photos', '--out', 'sealed/out', '--quiet']
    const ended = await millrace(args, { cwd: folder, ...user })
    expectPlain(ended)
    expect(ended.stderr).toMatch(
      /^error: Expected `sealed\/out` to be a folder that can be written, got EACCES/,
    )
    expect(ended.code).toBe(1)
  })
})
