import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { catalogText, makeCatalog } from '../../scripts/catalog.ts'
import type { CatalogEntry } from '../../src/cli/catalog.ts'
import { folderOf, millrace } from '../helpers/command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const fixture = fileURLToPath(new URL('../fixtures/catalog', import.meta.url))

describe('makeCatalog', () => {
  it('reads doc comments and options interfaces', () => {
    expect(makeCatalog(fixture)).toEqual([
      {
        name: 'addOne',
        kind: 'operator',
        module: 'millrace/operators/add-one',
        signature: 'addOne(options: AddOneOptions): unknown',
        summary: 'Adds one to a column, see `Place`.',
        details: '- Rows: n to n.',
        options: [
          {
            name: 'how',
            type: "'once' | 'twice'",
            required: false,
            default: "'once'",
            text: 'How it is added,\nin words.',
          },
          { name: 'also', type: 'Place', required: false, text: 'Where else.' },
          { name: 'also.column', type: 'string', required: true, text: 'Name of the column.' },
          { name: 'column', type: 'string', required: true, text: 'Name of the column.' },
        ],
        throws: ['OptionError at the call, if an option is unknown'],
        example: "rows.pipe(addOne({ column: 'size' })) // 1, 2 => 2, 3",
      },
      {
        name: 'fromNowhere',
        kind: 'source',
        module: 'millrace/connectors/from-nowhere',
        signature: 'fromNowhere(): void',
        ...{ summary: 'Reads nothing.', details: '', options: [], throws: [] },
      },
      {
        name: 'toNowhere',
        kind: 'sink',
        module: 'millrace/connectors/to-nowhere',
        signature: 'toNowhere(path: string, options: Counted | Uncounted): unknown',
        ...{ summary: 'Writes nothing.', details: '', throws: [] },
        options: [
          {
            name: 'type',
            type: "'counted' | 'uncounted'",
            required: true,
            text: 'The kind of options.',
          },
          { name: 'rows', type: 'number', required: false, text: 'Most rows.' },
        ],
      },
    ])
  })

  it.each([
    ['a file without its function', 'export function other() {}', 'to export a function addTwo'],
    [
      'a function without a comment',
      'export function addTwo() {}',
      'Expected a doc comment on addTwo',
    ],
  ])('refuses %s', (_name, text, message) => {
    const folder = folderOf({})
    for (const name of ['operators', 'connectors']) mkdirSync(`${folder}/${name}`)
    writeFileSync(`${folder}/operators/add-two.ts`, text)
    expect(() => makeCatalog(folder)).toThrow(message)
  })
})

describe('the built catalog', () => {
  let entries: CatalogEntry[] = []
  beforeAll(() => {
    entries = makeCatalog(root)
  })

  it('is what the sources say, and has every operator and connector', () => {
    const built = readFileSync(`${root}/dist/catalog.json`, 'utf8')
    expect(built).toBe(catalogText(entries))
    const files = ['operators', 'connectors'].flatMap((folder) =>
      readdirSync(`${root}/${folder}`).map(
        (file) => `millrace/${folder}/${file.replace('.ts', '')}`,
      ),
    )
    expect(entries.map((entry) => entry.module).sort()).toEqual(files.sort())
    for (const { name, summary } of entries) expect(summary, name).toMatch(/^[A-Z].{10,}[.:)]$/)
  })

  it('is what list prints', async () => {
    const { code, stdout } = await millrace(['list'])
    expect(code).toBe(0)
    const lines = stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
    for (const { name, summary } of entries) expect(lines).toContainEqual([name, summary])
    const json = JSON.parse((await millrace(['list', '--json'])).stdout) as { name: string }[]
    expect(json.map(({ name }) => name)).toContain('resize')
  })

  it('is what describe prints', async () => {
    const { code, stdout } = await millrace(['describe', 'resize'])
    expect(code).toBe(0)
    expect(stdout).toContain(
      "import { resize } from 'millrace/operators/resize'\nresize(options: ResizeOptions)",
    )
    expect(stdout).toContain('\n  width: number (required)\n      Width in pixels.\n')
    expect(stdout).toContain("'fill' | 'cover' | 'contain' | 'inside' (default: 'fill')")
    const byFile = await millrace(['describe', 'from-files', '--json'])
    expect(JSON.parse(byFile.stdout)).toMatchObject({ name: 'fromFiles', kind: 'source' })
  })

  it('knows the nearest name', async () => {
    expect(await millrace(['describe', 'rezise'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error: Expected an operator or connector, got `rezise`; did you mean `resize`?\nSee them with: millrace list\n',
    })
  })
})
