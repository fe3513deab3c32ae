import { describe, expect, it } from 'vitest'
import { folderOf, millrace } from '../../helpers/command.ts'
import { parts } from '../../helpers/pipelines.ts'

const what = 'a Flow, a list of Flows, an object of Flows, or a function that returns one'

/** What a file holds, and what is said of it; FILE stands for its path. */
const broken: { name: string; text: string; stderr: string }[] = [
  {
    name: 'a syntax error',
    text: 'const a = 1\nexport default (1 +\n',
    stderr: 'error: Expected TypeScript, got a syntax error: Unexpected token\n  at FILE:3:1\n',
  },
  {
    name: 'no default export',
    text: 'export const flow = 1\n',
    stderr:
      'error: Expected a default export in `FILE`, got exports flow\nEnd the file with: export default source.pipe(…)\n',
  },
  {
    name: 'nothing',
    text: '',
    stderr:
      'error: Expected a default export in `FILE`, got no exports\nEnd the file with: export default source.pipe(…)\n',
  },
  {
    name: 'a number as its default export',
    text: 'export default 3\n',
    stderr: `error: Expected the default export of \`FILE\` to be ${what}, got a number\n`,
  },
  {
    name: 'a list with something else',
    text: "import { flowOf } from 'millrace'\nexport default [flowOf([1]), 'b']\n",
    stderr: `error: Expected the default export of \`FILE\` to be ${what}, got a list with a string\n`,
  },
  {
    name: 'an empty list',
    text: 'export default []\n',
    stderr: 'error: Expected a job of at least one flow, got none\n',
  },
  {
    name: 'a function that returns nothing',
    text: 'export default () => undefined\n',
    stderr: `error: Expected the default export of \`FILE\` to be ${what}, got nothing\n`,
  },
  {
    name: 'an import of a package that is not there',
    text: "import { x } from 'no-such-package/deep'\nexport default x\n",
    stderr:
      'error: Expected package `no-such-package`, which is not installed\nInstall it with: npm install no-such-package\n  in FILE\n',
  },
  {
    name: 'an import of a file that is not there',
    text: "import { x } from './nowhere.ts'\nexport default x\n",
    stderr: 'error: Expected a file to import, got nothing at `./nowhere.ts`\n  in FILE\n',
  },
  {
    name: 'an import of a part of millrace that is not there',
    text: "import { x } from 'millrace/operator/resize'\nexport default x\n",
    stderr:
      'error: Expected `millrace`, `millrace/operators/…` or `millrace/connectors/…`, got `millrace/operator/resize`\n  in FILE\n',
  },
  {
    name: 'an imported name that is not there',
    text: "import { operat } from 'millrace'\nexport default operat(() => ({}))\n",
    stderr:
      'error: Expected `operat` to be a function that `millrace` exports, got nothing of that name\n  in FILE\n',
  },
  {
    name: 'an operator that is not there',
    text: "import { resize } from 'millrace/operators/rezise'\nexport default resize\n",
    stderr:
      'error: Expected one of the operators, got `rezise`; did you mean `resize`?\nSee them with: millrace list\n  in FILE\n',
  },
  {
    name: 'a connector that is not there',
    text: "import { fromFiles } from 'millrace/connectors/from-file'\nexport default fromFiles('.')\n",
    stderr:
      'error: Expected one of the connectors, got `from-file`; did you mean `from-files`?\nSee them with: millrace list\n  in FILE\n',
  },
  {
    name: 'an option that is not there',
    text: "import { resize } from 'millrace/operators/resize'\nexport default resize({ widht: 2, height: 2 })\n",
    stderr:
      'error: Expected resize to be given only known options, got `widht`; did you mean `width`?\n',
  },
]

describe('a pipeline file', () => {
  it.each(broken)('with $name is refused with exit code 2', async ({ text, stderr }) => {
    const folder = folderOf({ 'pipeline.ts': text })
    const file = `${folder}/pipeline.ts`
    const ended = await millrace(['check', file])
    expect(ended).toEqual({ code: 2, stdout: '', stderr: stderr.replaceAll('FILE', file) })
  })

  it('that does not exist, or is a folder, is refused with exit code 2', async () => {
    expect(await millrace(['run', 'nowhere.ts'])).toMatchObject({
      code: 2,
      stderr: 'error: Expected a pipeline file, got nothing at `nowhere.ts`\n',
    })
    const folder = folderOf({})
    expect(await millrace(['run', folder])).toMatchObject({
      code: 2,
      stderr: `error: Expected a pipeline file, got a folder at \`${folder}\`\n`,
    })
  })

  it('in another language is refused with exit code 2', async () => {
    const file = `${folderOf({ 'picture.jpg': 'x' })}/picture.jpg`
    expect(await millrace(['run', file])).toMatchObject({
      code: 2,
      stderr: `error: Expected TypeScript or JavaScript, got a file named \`*.jpg\`\n  in ${file}\n`,
    })
  })

  it('that throws is reported with exit code 1, and with its place under --verbose', async () => {
    const folder = folderOf({ 'pipeline.ts': "throw new Error('out of luck')\n" })
    const args = ['check', `${folder}/pipeline.ts`]
    expect(await millrace(args)).toEqual({ code: 1, stdout: '', stderr: 'error: out of luck\n' })
    const { stderr } = await millrace([...args, '--verbose'])
    expect(stderr).toContain(`at ${folder}/pipeline.ts:1:`)
  })

  it.each([
    ['a flow', 'export default rows(2).pipe(out())'],
    ['a list', 'export default [rows(2).pipe(out())]'],
    ['flows by name', 'export default { one: rows(2).pipe(out()) }'],
    ['a function', 'export default () => rows(2).pipe(out())'],
    ['an asynchronous function', 'export default async () => [rows(2).pipe(out())]'],
    [
      'a function of its arguments',
      'export default ([n]: string[]) => rows(Number(n)).pipe(out())',
    ],
  ])('may export %s', async (_name, end) => {
    const folder = folderOf({ 'pipeline.ts': `${parts}\n${end}\n` })
    const ended = await millrace(['run', 'pipeline.ts', '2'], { cwd: folder })
    expect(ended).toMatchObject({ code: 0, stdout: 'published row0 row1\n' })
  })

  it('shares the classes of the command, and may import other files and RxJS', async () => {
    const folder = folderOf({
      'parts.ts': `${parts}\nexport { out, rows }\n`,
      'pipeline.ts': `
        import { RecordBatch } from 'apache-arrow'
        import { Flow } from 'millrace'
        import { filter } from 'rxjs'
        import { out, rows } from './parts.ts'
        const flow = rows(3).pipe(filter((batch) => batch instanceof RecordBatch))
        if (!(flow instanceof Flow)) throw new Error('another copy of RxJS')
        export default flow.pipe(out())`,
    })
    const ended = await millrace(['run', `${folder}/pipeline.ts`])
    expect(ended).toMatchObject({ code: 0, stdout: 'published row0 row1 row2\n' })
  })
})
