import { Command } from 'commander'
import { mkdirSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  configureFolderCommand,
  configureScore,
  sourceOf,
} from '../../../src/cli/workflow-command.ts'
import type { ReportOptions, ScoreOptions, Workflow } from '../../../src/workflows/workflow.ts'
import { folderOf } from '../../helpers/command.ts'

const result = { summary: { items: 2 }, text: 'two items' }

/** Parses `args` as `millrace report` does; returns what its workflow is given, and what is printed. */
async function report(
  args: readonly string[],
): Promise<{ given: ReportOptions[]; printed: string }> {
  const given: ReportOptions[] = []
  const workflow: Workflow<ReportOptions> = (options) => {
    given.push(options)
    return Promise.resolve(result)
  }
  return {
    given,
    printed: await parsed((command) => {
      const load = (): Promise<typeof workflow> => Promise.resolve(workflow)
      configureFolderCommand(command, load, () => Promise.resolve(['csv', 'outliers']))
    }, args),
  }
}

async function parsed(
  configure: (command: Command) => void,
  args: readonly string[],
): Promise<string> {
  let printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
  const program = new Command('millrace')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  configure(program.command('report').exitOverride())
  await program.parseAsync(['report', ...args], { from: 'user' })
  return printed
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('configureFolderCommand', () => {
  it('gives the workflow what the command line says', async () => {
    const { given, printed } = await report([
      ...['photos', 'test=more', '--out', 'there', '--labels', '{label}/{name}', '--seed', '7'],
      ...['--limit', '10', '--threads', '2', '--model', 'm.onnx'],
    ])
    expect(given).toEqual([
      {
        sources: [{ path: 'photos' }, { path: 'more', split: 'test' }],
        ...{ out: 'there', labels: '{label}/{name}', seed: 7, limit: 10, threads: 2 },
        ...{ model: 'm.onnx', parts: {} },
      },
    ])
    expect(printed).toBe('two items\n')
  })

  it('prints the summary as JSON', async () => {
    const { given, printed } = await report(['photos', '--out', 'there', '--json'])
    expect(given).toEqual([{ sources: [{ path: 'photos' }], out: 'there', seed: 0, parts: {} }])
    expect(JSON.parse(printed)).toEqual({ items: 2 })
  })

  it('takes from the config what the command line does not say', async () => {
    const config = { out: 'configured', seed: 3, limit: 5, json: true, outliers: false }
    const folder = folderOf({ 'c.json': JSON.stringify(config) })
    const { given, printed } = await report([
      'photos',
      '--config',
      `${folder}/c.json`,
      '--seed',
      '0',
    ])
    const parts = { outliers: false }
    expect(given).toEqual([
      { sources: [{ path: 'photos' }], out: 'configured', seed: 0, limit: 5, parts },
    ])
    expect(JSON.parse(printed)).toEqual({ items: 2 })
  })

  it.each([
    ['the command line', ['--checkpoint', 'c', '--every', '2s', '--resume'], '{}'],
    ['the config', [], '{"checkpoint": "c", "every": "2s", "resume": true}'],
  ])('takes how to keep checkpoints from %s', async (_name, args, text) => {
    const config = `${folderOf({ 'c.json': text })}/c.json`
    const { given } = await report(['photos', '--out', 'o', '--config', config, ...args])
    const checkpoint = { folder: 'c', everyMs: 2_000, resume: true }
    expect(given).toEqual([
      { sources: [{ path: 'photos' }], out: 'o', seed: 0, checkpoint, parts: {} },
    ])
  })

  it('refuses to resume without a checkpoint, before the workflow starts', async () => {
    await expect(report(['photos', '--out', 'o', '--resume'])).rejects.toThrow(
      'Expected --resume to come with --checkpoint DIR',
    )
  })

  it.each([
    [
      'an unknown option',
      '{"limt": 5}',
      'to hold options of report, got `limt`; did you mean `limit`?',
    ],
    [
      'a value that does not fit',
      '{"limit": "many"}',
      'to fit: Expected a whole number. Got "many"',
    ],
    ['a list for a text', '{"out": ["a"]}', 'to be a text or a number, got ["a"]'],
    ['a number for a time', '{"every": 30}', 'to fit: Expected a time such as 500ms, 30s'],
    ['a text for a flag', '{"json": "yes"}', 'to be true or false, got "yes"'],
    ['a list', '[]', 'to be a JSON object of options, got a list'],
    ['no JSON', 'out: there', 'to be a JSON file, got Unexpected token'],
  ])('refuses a config with %s', async (_name, text, message) => {
    const folder = folderOf({ 'c.json': text })
    const ran = report(['photos', '--out', 'o', '--config', `${folder}/c.json`])
    await expect(ran).rejects.toMatchObject({ name: 'UsageError' })
    await expect(ran).rejects.toThrow(message)
  })

  it('refuses to run without --out or without a source', async () => {
    await expect(report(['photos'])).rejects.toThrow('Expected report to be given --out DIR')
    await expect(report(['--out', 'there'])).rejects.toMatchObject({
      code: 'commander.missingArgument',
    })
  })
})

describe('configureScore', () => {
  it('asks for --models and --out', async () => {
    const given: ScoreOptions[] = []
    const configure = (command: Command): void => {
      configureScore(command, () =>
        Promise.resolve((options) => {
          given.push(options)
          return Promise.resolve(result)
        }),
      )
    }
    await expect(parsed(configure, ['new'])).rejects.toThrow(
      'Expected report to be given --models DIR',
    )
    await expect(parsed(configure, ['new', '--models', 'm'])).rejects.toThrow(
      'to be given --out FILE',
    )
    await parsed(configure, ['new', '--models', 'm', '--out', 'scores.parquet'])
    expect(given).toEqual([
      { sources: [{ path: 'new' }], models: 'm', out: 'scores.parquet', seed: 0, parts: {} },
    ])
  })

  it.each([[[]], [['--json']]])(
    'leaves stdout to the rows where they go there (%j)',
    async (more) => {
      const noted = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const configure = (command: Command): void => {
        configureScore(command, () => Promise.resolve(() => Promise.resolve(result)))
      }
      const args = ['new', '--models', 'm', '--out', '-', '--quiet', ...more]
      expect(await parsed(configure, args)).toBe('')
      expect(noted).toHaveBeenCalledWith(more.length > 0 ? '{"items":2}\n' : 'two items\n')
    },
  )
})

describe('sourceOf', () => {
  it('takes what exists as it stands for a path', () => {
    const folder = folderOf({})
    mkdirSync(`${folder}/day=3`)
    const from = process.cwd()
    process.chdir(folder)
    try {
      expect(sourceOf('day=3')).toEqual({ path: 'day=3' })
      expect(sourceOf('day=4')).toEqual({ path: '4', split: 'day' })
    } finally {
      process.chdir(from)
    }
  })

  it.each([
    ['photos/a=b', { path: 'photos/a=b' }],
    ['train=s3://bucket/a=b/*.jpg', { path: 's3://bucket/a=b/*.jpg', split: 'train' }],
    ['s3://bucket/x', { path: 's3://bucket/x' }],
  ])('reads %s', (text, source) => {
    expect(sourceOf(text)).toEqual(source)
  })
})
